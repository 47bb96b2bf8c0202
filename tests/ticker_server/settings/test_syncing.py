from __future__ import annotations

import pytest

from ticker_server.settings import SettingsError, SyncSettings


def test_default_interval() -> None:
    """Values are written every five seconds."""
    assert SyncSettings.load().sync_interval == 5.0


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1.0), ("60s", 60.0), ("1m", 60.0), ("1500ms", 1.5)])
def test_interval_is_a_duration(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    """The interval is read as a duration, from the flag and from the variable."""
    assert SyncSettings.load(sync_interval=text).sync_interval == seconds
    monkeypatch.setenv("TICKER_SYNC_INTERVAL", text)
    assert SyncSettings.load().sync_interval == seconds


@pytest.mark.parametrize("text", ["5", "999ms", "61s", "1h", "often"])
def test_bad_interval(text: str) -> None:
    """An interval that is no duration, too short or too long is refused by the name of its flag."""
    with pytest.raises(SettingsError) as caught:
        SyncSettings.load(sync_interval=text)
    assert str(caught.value) == f'--interval should be a duration from 1s to 60s, not "{text}"'
