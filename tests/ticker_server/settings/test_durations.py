from __future__ import annotations

import pytest

from ticker_server.settings.durations import parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("5s", 5.0), ("10m", 600.0), ("1h", 3600.0), ("0s", 0.0), ("1500ms", 1.5)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    """A whole number with a unit is a duration."""
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "1.5s", "-5s", "5S", "5d", "5s5s", "\u0665s", "5s\n"])
def test_other_texts_are_refused(text: str) -> None:
    """What is no duration is refused with an example of one."""
    with pytest.raises(ValueError, match="reads like 500ms, 5s or 1h"):
        parse_seconds(text)
