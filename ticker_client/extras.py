"""What an extra of the distribution brings, and what to do where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["require"]


def require(module: str, user: str) -> None:
    """Do nothing if a module of the extra `history` can be imported; otherwise say what to install.

    Args:
        module: the name of it, such as `pandas`.
        user: what needs it, such as `to_pandas()`.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    if find_spec(module) is None:
        raise ModuleNotFoundError(f"{user} needs {module}: pip install 'stock-ticker[history]'", name=module)
