"""The version of the installed package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["VERSION"]

try:
    VERSION = version("stock-ticker")
except PackageNotFoundError:  # run from a source tree that is not installed
    VERSION = "0+unknown"
