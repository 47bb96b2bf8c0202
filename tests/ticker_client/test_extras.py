"""What is missing is named, with the way to get it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ticker_client.extras import require


def test_what_is_missing_is_named_with_what_to_install() -> None:
    """A module that is not installed is told with its extra; one that is there is no matter."""
    require("json", "to_pandas()")
    with pytest.raises(
        ModuleNotFoundError, match=r"^to_pandas\(\) needs no_pandas: pip install 'stock-ticker\[history\]'$"
    ) as caught:
        require("no_pandas", "to_pandas()")

    assert caught.value.name == "no_pandas"


def test_importing_the_sdk_imports_no_extra() -> None:
    """What an extra brings is imported when it is needed, because it takes a second or more."""
    code = (
        "import sys, ticker_client.client, ticker_client.bars, ticker_client.cli.app\n"
        "sys.exit(bool({'pandas', 'numpy', 'matplotlib'} & sys.modules.keys()))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
