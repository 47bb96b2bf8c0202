"""Continuity: what the numbers of a stock say about what a reader has missed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ticker_client.continuity import Accounted, Continuity
from ticker_client.events import Gap
from ticker_client.reasons import GapReason, UpdateKind
from ticker_client.resume import Position

LIVE, SNAPSHOT = UpdateKind.LIVE, UpdateKind.SNAPSHOT
IN_ORDER = Accounted()


def following(*, every_tick: bool, snapshot: int = 0) -> Continuity:
    """Return the continuity of a watch of AAPL; with a snapshot of that tick number, else without any price yet."""
    continuity = Continuity(every_tick=every_tick)
    continuity.follow("AAPL", every_tick=every_tick, has_price=snapshot > 0)
    if snapshot:
        assert account(continuity, snapshot, SNAPSHOT) == IN_ORDER
    return continuity


def account(
    continuity: Continuity, number: int, kind: UpdateKind = LIVE, sequence: int | None = None
) -> Accounted | None:
    """Take tick `number` of AAPL; its sequence is ten times the number unless it is given."""
    return continuity.account("AAPL", 10 * number if sequence is None else sequence, number, kind)


def unexplained(first: int, last: int) -> Accounted:
    """Return what an update with an unexplained gap before it gives."""
    return Accounted(gap=Gap("AAPL", first, last, GapReason.UNEXPLAINED))


def test_the_next_tick_is_in_order() -> None:
    """The tick after the snapshot replaces nothing and leaves no gap."""
    assert account(following(every_tick=True, snapshot=7), 8) == IN_ORDER


def test_a_jump_with_every_tick_is_an_unexplained_gap() -> None:
    """With every tick a jump of the tick number that nobody explained is a gap of exactly what is missing."""
    assert account(following(every_tick=True, snapshot=7), 10) == unexplained(8, 9)


def test_a_jump_with_a_frequency_is_what_was_superseded() -> None:
    """With a frequency a jump of the tick number counts the ticks that were replaced."""
    continuity = following(every_tick=False, snapshot=7)

    assert account(continuity, 10) == Accounted(superseded=2)
    assert account(continuity, 11) == IN_ORDER


def test_a_stock_without_a_price_begins_with_tick_one() -> None:
    """The first update of a stock that had no price accounts for all ticks from 1 on."""
    assert account(following(every_tick=False), 4) == Accounted(superseded=3)
    assert account(following(every_tick=True), 4) == unexplained(1, 3)
    assert account(following(every_tick=True), 1) == IN_ORDER


def test_a_stock_that_was_deleted_begins_anywhere() -> None:
    """A stock that left and joins again without a price goes on with the numbers of its former life, without a gap."""
    continuity = following(every_tick=True, snapshot=7)
    continuity.leave("AAPL")
    continuity.follow("AAPL", every_tick=True, has_price=False)

    assert account(continuity, 12) == IN_ORDER
    assert account(continuity, 14) == unexplained(13, 13)


def test_a_snapshot_restarts_the_accounting() -> None:
    """A snapshot is never a gap and replaces nothing; what follows is counted from it."""
    continuity = following(every_tick=True, snapshot=7)

    assert account(continuity, 20, SNAPSHOT) == IN_ORDER
    assert account(continuity, 22) == unexplained(21, 21)


def test_a_snapshot_may_tell_the_same_state_again() -> None:
    """A snapshot with the sequence of the last update is taken; one from before it is dropped."""
    continuity = following(every_tick=True, snapshot=7)

    assert account(continuity, 7, SNAPSHOT) == IN_ORDER
    assert account(continuity, 6, SNAPSHOT) is None


def test_a_repeat_and_a_late_tick_are_dropped() -> None:
    """An update whose sequence is not above the last one is dropped, and changes nothing."""
    continuity = following(every_tick=True, snapshot=7)

    assert account(continuity, 7) is None
    assert account(continuity, 3) is None
    assert account(continuity, 8) == IN_ORDER


def test_a_gap_that_the_server_told_explains_the_jump() -> None:
    """After a gap the next tick is the one behind it, with every tick and with a frequency."""
    told = Gap("AAPL", 8, 9, GapReason.READER_LAGGED)
    for every_tick in (True, False):
        continuity = following(every_tick=every_tick, snapshot=7)

        assert continuity.explain(told) is None
        assert account(continuity, 10) == IN_ORDER


def test_a_gap_that_begins_too_late_is_only_half_the_explanation() -> None:
    """With every tick what lies between the last tick and the gap that was told is unexplained."""
    continuity = following(every_tick=True, snapshot=7)

    assert continuity.explain(Gap("AAPL", 10, 12, GapReason.OUTSIDE_WINDOW)) == unexplained(8, 9).gap
    assert account(continuity, 13) == IN_ORDER


def test_a_gap_that_ends_too_early_leaves_the_rest_unexplained() -> None:
    """With every tick what lies between the gap that was told and the next tick is unexplained."""
    continuity = following(every_tick=True, snapshot=7)
    continuity.explain(Gap("AAPL", 8, 9, GapReason.READER_LAGGED))

    assert account(continuity, 12) == unexplained(10, 11)


def test_a_lost_count_demands_nothing_until_numbers_are_back() -> None:
    """After COUNT_LOST ticks without numbers are in order, and so is the first one with a number."""
    continuity = following(every_tick=True, snapshot=7)
    continuity.explain(Gap("AAPL", 0, 0, GapReason.COUNT_LOST))

    assert account(continuity, 0, sequence=80) == IN_ORDER
    assert account(continuity, 0, sequence=90) == IN_ORDER
    assert account(continuity, 3, sequence=100) == IN_ORDER
    assert account(continuity, 5, sequence=110) == unexplained(4, 4)


def test_a_number_that_goes_back_or_vanishes_is_unexplained() -> None:
    """A tick number below the last one, or none, at a higher sequence is a gap whose size cannot be told."""
    for number in (5, 0):
        for every_tick in (True, False):
            continuity = following(every_tick=every_tick, snapshot=7)

            assert account(continuity, number, sequence=99) == unexplained(0, 0)


def test_another_cadence_counts_from_the_same_place() -> None:
    """A stock whose cadence changes keeps its numbers; a jump then means what the new cadence says."""
    continuity = following(every_tick=True, snapshot=7)
    continuity.follow("AAPL", every_tick=False, has_price=True)

    assert account(continuity, 10) == Accounted(superseded=2)
    assert not continuity.is_every_tick("AAPL")


def test_a_stock_that_was_never_announced_has_the_cadence_of_the_watch() -> None:
    """A stock that is not in `opened` is taken with the watch's own cadence; its first update is in order."""
    continuity = Continuity(every_tick=True)

    assert account(continuity, 5) == IN_ORDER
    assert continuity.is_every_tick("AAPL")
    assert account(continuity, 7) == unexplained(6, 6)


@given(st.lists(st.sampled_from(["deliver", "lose", "repeat", "lag", "late"]), max_size=60))
def test_every_tick_is_delivered_or_in_a_gap(faults: list[str]) -> None:
    """With every tick, whatever a server loses, repeats or sends late: each tick is delivered once or in one gap."""
    continuity = following(every_tick=True)
    told: list[int] = []
    delivered: list[int] = []
    lost_from = 1

    def take(number: int) -> None:
        accounted = account(continuity, number)
        if accounted is not None:
            if accounted.gap is not None:
                told.extend(range(accounted.gap.first_missing_tick_number, accounted.gap.last_missing_tick_number + 1))
            delivered.append(number)

    for number, fault in enumerate(faults, start=1):
        if fault == "lose":
            continue
        if fault == "lag" and lost_from < number:
            assert continuity.explain(Gap("AAPL", lost_from, number - 1, GapReason.READER_LAGGED)) is None
            told.extend(range(lost_from, number))
        take(number)
        if fault == "repeat":
            take(number)
        if fault == "late":
            take(max(1, number - 2))
        lost_from = number + 1

    last = max(delivered, default=0)
    assert delivered == sorted(set(delivered))
    assert sorted(told + delivered) == list(range(1, last + 1))


@given(st.lists(st.booleans(), max_size=60))
def test_with_a_frequency_superseded_accounts_for_every_tick(sent: list[bool]) -> None:
    """With a frequency, the updates and what each says it superseded add up to the last tick number."""
    continuity = following(every_tick=False)
    numbers = [number for number, is_sent in enumerate(sent, start=1) if is_sent]
    accounted = [account(continuity, number) for number in numbers]

    assert all(one is not None and one.gap is None for one in accounted)
    assert sum(one.superseded + 1 for one in accounted if one) == max(numbers, default=0)


def test_a_snapshot_of_another_stream_goes_on_from_before() -> None:
    """After a break a snapshot is a replay by its numbers: a gap with every tick, else what was superseded."""
    for every_tick, expected in (
        (True, Accounted(gap=Gap("AAPL", 8, 9, GapReason.UNEXPLAINED), is_replay=True)),
        (False, Accounted(superseded=2, is_replay=True)),
    ):
        continuity = following(every_tick=every_tick, snapshot=7)
        continuity.reopen()

        assert account(continuity, 7, SNAPSHOT) is None
        assert account(continuity, 10, SNAPSHOT) == expected
        assert account(continuity, 12, SNAPSHOT) == IN_ORDER


def test_a_snapshot_after_a_lost_count_cannot_be_counted() -> None:
    """With every tick, a snapshot after a break whose last update had no number has a gap of unknown size before it."""
    continuity = following(every_tick=True, snapshot=7)
    account(continuity, 0, sequence=80)
    continuity.reopen()

    told = account(continuity, 10, SNAPSHOT)
    assert told is not None
    assert told.gap == Gap("AAPL", 0, 0, GapReason.UNEXPLAINED)


def test_a_stock_without_a_price_is_counted_across_a_break() -> None:
    """The first ticks of a stock that came while the reader was away are not lost silently."""
    continuity = following(every_tick=True)
    continuity.reopen()

    told = account(continuity, 3, SNAPSHOT)
    assert told is not None
    assert told.gap == Gap("AAPL", 1, 2, GapReason.UNEXPLAINED)


def test_a_change_on_the_new_stream_restarts_the_accounting() -> None:
    """A stock that joins or changes on the stream itself begins with a snapshot like any other."""
    continuity = following(every_tick=True, snapshot=7)
    continuity.reopen()
    continuity.change("AAPL", every_tick=True, has_price=True)

    assert account(continuity, 10, SNAPSHOT) == IN_ORDER


def test_positions_are_those_of_followed_stocks() -> None:
    """A stock has a position once an update of it came, and as long as it is followed."""
    continuity = following(every_tick=True, snapshot=7)
    continuity.follow("MSFT", every_tick=True, has_price=True)
    assert continuity.positions() == (Position("AAPL", 70, 7),)
    continuity.leave("AAPL")
    assert continuity.positions() == ()
    continuity.reopen()
    continuity.follow("AAPL", every_tick=True, has_price=True)
    assert account(continuity, 9, SNAPSHOT) == IN_ORDER


def test_a_stock_without_a_price_has_a_position_of_zeros() -> None:
    """That there was no price yet is a position, from `follow` to the first update, and in one log only."""
    continuity = following(every_tick=True)
    before = continuity.positions()
    continuity.reopen()
    continuity.follow("AAPL", every_tick=True, has_price=True)
    away = continuity.positions()
    account(continuity, 1)

    assert before == away == (Position("AAPL", 0, 0),)
    assert continuity.positions() == (Position("AAPL", 10, 1),)
    left, replaced = following(every_tick=True), following(every_tick=True)
    left.leave("AAPL")
    replaced.start_anew(GapReason.LOG_REPLACED)
    assert left.positions() == replaced.positions() == ()


def test_the_first_tick_after_a_position_of_zeros_is_tick_one() -> None:
    """What an earlier watch knew to have no price is counted from 1, as a gap or as what was superseded."""
    for every_tick, expected in ((True, unexplained(1, 3)), (False, Accounted(superseded=3))):
        continuity = Continuity(every_tick=every_tick)
        continuity.restore([Position("AAPL", 0, 0)])
        continuity.reopen()
        assert account(continuity, 4, UpdateKind.REPLAY) == expected


def test_a_stock_without_a_price_is_counted_from_one_in_another_log() -> None:
    """A stock that had no price before or after the log was replaced begins with tick 1 in the new one."""
    for snapshot in (0, 7):
        continuity = following(every_tick=True, snapshot=snapshot)
        continuity.start_anew(GapReason.LOG_REPLACED)
        list(continuity.owed())
        continuity.follow("AAPL", every_tick=True, has_price=False)
        assert continuity.positions() == (Position("AAPL", 0, 0),)
        assert account(continuity, 3) == unexplained(1, 2)
    continuity = following(every_tick=True)
    continuity.start_anew(GapReason.LOG_REPLACED)
    continuity.follow("AAPL", every_tick=True, has_price=True)
    told = account(continuity, 3, SNAPSHOT)
    assert told is not None
    assert told.gap == unexplained(1, 2).gap


def test_restored_positions_demand_what_comes_next() -> None:
    """What an earlier watch has seen is not taken again, and what follows it is counted."""
    continuity = Continuity(every_tick=True)
    continuity.restore([Position("AAPL", 70, 7)])
    continuity.reopen()

    assert account(continuity, 7, UpdateKind.REPLAY) is None
    assert account(continuity, 9, UpdateKind.REPLAY) == unexplained(8, 8)


def test_a_gap_that_was_told_is_not_told_again() -> None:
    """Of a gap only what lies behind the last tick and the last gap is new, and its ticks are not taken any longer."""
    continuity = following(every_tick=True, snapshot=7)
    told = Gap("AAPL", 8, 10, GapReason.LOG_TRUNCATED)
    assert continuity.untold(told) == told
    continuity.explain(told)

    assert continuity.untold(told) is None
    assert continuity.untold(Gap("AAPL", 8, 12, GapReason.LOG_TRUNCATED)) == Gap(
        "AAPL", 11, 12, GapReason.LOG_TRUNCATED
    )
    assert account(continuity, 9) is None
    assert account(continuity, 11) == IN_ORDER


def test_another_log_owes_a_gap_once() -> None:
    """Where numbers mean nothing any longer, each stock of which something came is owed one gap, by whoever tells it."""
    continuity = following(every_tick=True, snapshot=7)
    continuity.follow("MSFT", every_tick=False, has_price=False)
    continuity.start_anew(GapReason.LOG_REPLACED)
    assert account(continuity, 2, SNAPSHOT) == Accounted(gap=Gap("AAPL", 0, 0, GapReason.LOG_REPLACED))
    assert list(continuity.owed()) == []

    continuity.start_anew(GapReason.LOG_REPLACED)
    assert list(continuity.owed()) == [Gap("AAPL", 0, 0, GapReason.LOG_REPLACED)]
    assert list(continuity.owed()) == []

    continuity.start_anew(GapReason.LOG_REPLACED)
    continuity.explain(Gap("AAPL", 0, 0, GapReason.LOG_REPLACED))
    assert account(continuity, 1, SNAPSHOT) == IN_ORDER
