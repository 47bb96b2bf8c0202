"""Skipped records: counted all, told in bounds."""

from __future__ import annotations

from structlog.testing import capture_logs

from tests.support.virtual_clock import VirtualClock
from ticker_server.feed.skips import SkipLog
from ticker_server.model.acceptance import Reason


def test_each_record_is_told_with_its_place(clock: VirtualClock) -> None:
    """A skipped record is counted by its reason and logged with topic, partition and offset."""
    skips = SkipLog("t.prices", monotonic=clock.monotonic)

    with capture_logs() as told:
        skips.note(3, 17, Reason.WRONG_KEY)

    assert skips.counts == {Reason.WRONG_KEY: 1}
    assert [(line["reason"], line["record"]) for line in told] == [("wrong_key", "t.prices-3-17")]


def test_repeats_are_only_counted(clock: VirtualClock) -> None:
    """A repeat of a publisher is nothing to be told."""
    skips = SkipLog("t.prices", monotonic=clock.monotonic)

    with capture_logs() as told:
        skips.note(0, 1, Reason.DUPLICATE)

    assert skips.counts == {Reason.DUPLICATE: 1}
    assert told == []


def test_lines_are_limited(clock: VirtualClock) -> None:
    """A minute has twenty lines; how many more there were is told once it is over, by reason."""
    skips = SkipLog("t.prices", monotonic=clock.monotonic)
    with capture_logs() as told:
        for offset in range(50):
            skips.note(0, offset, Reason.MALFORMED if offset % 2 else Reason.WRONG_KEY)
        clock.advance(59)
        skips.tell_rest()
    assert len(told) == 20

    clock.advance(2)
    with capture_logs() as told:
        skips.tell_rest()
        skips.tell_rest()
        skips.note(0, 50, Reason.MALFORMED)

    assert [line["event"] for line in told] == ["more records skipped", "record skipped"]
    assert (told[0]["malformed"], told[0]["wrong_key"]) == (15, 15)
    assert skips.counts.total() == 51
