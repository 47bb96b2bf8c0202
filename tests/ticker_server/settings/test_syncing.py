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


def test_ticks_are_not_stored_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks are stored where the flag or the variable says so; they are kept for 30 days, and bars for ever."""
    settings = SyncSettings.load()
    assert (settings.raw_ticks, settings.tick_retention_days, settings.bar_retention_days) == (False, 30, 0)
    assert SyncSettings.load(raw_ticks=True).raw_ticks
    monkeypatch.setenv("TICKER_RAW_TICKS", "true")
    monkeypatch.setenv("TICKER_TICK_RETENTION_DAYS", "7")
    assert (SyncSettings.load().raw_ticks, SyncSettings.load().tick_retention_days) == (True, 7)


def test_bad_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    """A retention that is no number of days is refused by the name of its variable."""
    monkeypatch.setenv("TICKER_BAR_RETENTION_DAYS", "-1")
    with pytest.raises(SettingsError) as caught:
        SyncSettings.load()
    assert str(caught.value) == 'TICKER_BAR_RETENTION_DAYS should be a number of days from 0 to 36500, not "-1"'
