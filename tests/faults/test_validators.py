"""The validators themselves: a right history passes, and each way to spoil one is found by the one that should."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ticker.v1 import tick_pb2

from tests.support.history import Begun, History, Seen
from tests.support.oracle import Truth
from tests.support.validators import (
    faults,
    gaps,
    inexact_gaps,
    lost,
    out_of_order,
    repeated,
    unaccounted,
    unconverged,
    unfounded,
    unresumed,
    untrue,
)
from ticker_client import Gap, GapReason, Opened, Position, Resume, Update, UpdateKind, WatchedStock
from ticker_client.events import Event
from ticker_client.instants import timestamp_of
from ticker_server.model.tick import AcceptedTick

TICKS = 6
SECOND = timedelta(seconds=1)


def accepted(number: int, stock_id: str = "AAPL") -> AcceptedTick:
    """Return the tick of a number; its sequence has holes."""
    return AcceptedTick(
        stock_id=stock_id,
        price=f"{number}.5",
        size="",
        trade_time=number,
        accept_time=number,
        sequence=10 * number,
        tick_number=number,
    )


TRUTH: Truth = {"AAPL": [accepted(number) for number in range(1, TICKS + 1)]}
PUBLISHED = [(tick.stock_id, tick.price) for tick in TRUTH["AAPL"]]


def update(number: int, kind: UpdateKind = UpdateKind.LIVE, superseded: int = 0, price: str = "") -> Update:
    """Return the update that tells the tick of a number."""
    tick = accepted(number)
    message = tick_pb2.StockUpdate(
        stock_id=tick.stock_id,
        price=price or tick.price,
        sequence=tick.sequence,
        tick_number=tick.tick_number,
        trade_time=timestamp_of(tick.trade_time),
        accept_time=timestamp_of(tick.accept_time),
    )
    return Update(message, kind, superseded)


def opened(epoch: str = "one", frequency: timedelta | None = None) -> Opened:
    """Return how a stream begins; without a frequency one of every tick."""
    stock = WatchedStock("AAPL", "AAPL", "USD", frequency, frequency is None, True, None, True)
    return Opened("w", epoch, (stock,), (), timedelta(seconds=5), None, "1")


def history(*events: Event | Begun) -> History:
    """Return a history of events, one a second."""
    return [Seen(float(at), event) for at, event in enumerate(events)]


def every_tick() -> list[Event]:
    """Return what a watch of every tick should tell."""
    return [opened(), update(1, UpdateKind.SNAPSHOT), *(update(number) for number in range(2, TICKS + 1))]


def now_and_then() -> list[Event]:
    """Return what a watch with a frequency could tell."""
    return [
        opened(frequency=SECOND),
        update(1, UpdateKind.SNAPSHOT),
        update(3, superseded=1),
        update(6, superseded=2),
    ]


def test_right_histories_pass() -> None:
    """Nothing is found in what is right, with every tick and without, and when a program begins afresh."""
    again = [Begun(None), opened(), update(4, UpdateKind.SNAPSHOT), update(5), update(6)]

    assert faults(history(*every_tick()), PUBLISHED, TRUTH) == []
    assert faults(history(*now_and_then()), PUBLISHED, TRUTH) == []
    assert faults(history(*every_tick()[:5], *again), PUBLISHED, TRUTH) == []


def test_gap_accounts_but_not_for_a_fast_reader() -> None:
    """A gap names what is missing, which a reader that is never slow must not be told."""
    told = history(*every_tick()[:3], Gap("AAPL", 3, 5, GapReason.READER_LAGGED), update(6))

    assert unaccounted(told) == []
    assert lost(told, PUBLISHED, TRUTH) == []
    assert gaps(told)
    assert faults(told, PUBLISHED, TRUTH)


def test_sequences_start_anew_with_another_epoch() -> None:
    """Order is that of one epoch."""
    assert out_of_order(history(opened(), update(5), opened("two"), update(1))) == []
    assert out_of_order(history(opened(), update(5), opened("one"), update(1))) != []


def test_dropped_update_is_found() -> None:
    """A missing tick is unaccounted, and lost; superseded ones that were not are unaccounted, too."""
    spoiled = every_tick()
    del spoiled[3]
    assert unaccounted(history(*spoiled))
    assert lost(history(*spoiled), PUBLISHED, TRUTH)
    assert unaccounted(history(opened(frequency=SECOND), update(1), update(3)))


def test_repeated_update_is_found() -> None:
    """An update that comes twice is found, in one stream and in the next."""
    twice = [*every_tick(), update(TICKS)]
    assert repeated(history(*twice))
    assert out_of_order(history(*twice))
    assert repeated(history(*every_tick(), opened(), update(TICKS)))


def test_swapped_updates_are_found() -> None:
    """Two updates in the wrong order are found."""
    swapped = every_tick()
    swapped[3], swapped[4] = swapped[4], swapped[3]
    assert out_of_order(history(*swapped))
    assert unaccounted(history(*swapped))


def test_older_snapshot_is_found() -> None:
    """A snapshot that is older than what was told is found."""
    assert out_of_order(history(*every_tick(), opened(), update(2, UpdateKind.SNAPSHOT)))


def test_wrong_facts_are_found() -> None:
    """A price, a number or a sequence that the log does not have is found."""
    assert untrue(history(opened(), update(2, price="9.9")), TRUTH)
    assert untrue(history(opened(), update(TICKS + 1)), TRUTH)
    renumbered = {"AAPL": [replace(tick, tick_number=tick.tick_number + 1) for tick in TRUTH["AAPL"]]}
    assert untrue(history(*every_tick()), renumbered)


def test_gap_that_is_not_told_is_found() -> None:
    """Without its gap a jump is unaccounted, and what it would have named is lost."""
    assert unaccounted(history(opened(), update(2), update(6)))
    assert lost(history(*every_tick()[:3], update(6)), PUBLISHED, TRUTH)


def test_gap_that_nobody_explains_is_found() -> None:
    """A gap that only the SDK tells, because the numbers jump, explains nothing."""
    told = history(*every_tick()[:3], Gap("AAPL", 3, 5, GapReason.UNEXPLAINED), update(6))
    assert unaccounted(told)
    assert lost(told, PUBLISHED, TRUTH)


def test_tick_that_is_not_in_the_log_is_found() -> None:
    """What was acknowledged has to be in the log, and only once."""
    told = history(*every_tick())
    twice = {"AAPL": [*TRUTH["AAPL"], replace(accepted(7), price="6.5")]}
    assert lost(told, [*PUBLISHED, ("AAPL", "7.5")], TRUTH)
    assert lost(told, PUBLISHED, twice)


def test_last_price_that_does_not_come_is_found() -> None:
    """A watch whose last price is not the newest has not converged, and one that has no price has not either."""
    assert unconverged(history(*every_tick()[:-1]), TRUTH, ["AAPL"])
    assert unconverged(history(opened()), TRUTH, ["AAPL"])
    assert lost(history(*now_and_then()[:-1]), PUBLISHED, TRUTH)


def test_resume_that_tells_more_than_the_newest_is_found() -> None:
    """With a frequency the newest price is enough after a break; what lies before it is superseded."""
    before = [opened(frequency=SECOND), update(1, UpdateKind.SNAPSHOT), opened(frequency=SECOND)]
    right = [*before, update(4, UpdateKind.REPLAY, superseded=2), update(5)]
    wrong = [*before, update(3, UpdateKind.REPLAY, superseded=1), update(4, UpdateKind.REPLAY), update(5)]

    assert unresumed(history(*right)) == []
    assert unresumed(history(*wrong))
    assert unaccounted(history(*wrong)) == []


def test_state_that_does_not_come_is_found() -> None:
    """Of a stock that has a price the state comes first; news before it are found."""
    assert unaccounted(history(opened(), update(2)))
    assert unaccounted(history(opened(), update(2, UpdateKind.SNAPSHOT), update(3))) == []


def test_program_that_begins_afresh_owes_nothing_to_the_one_before() -> None:
    """Accounting starts anew for a program without a position; with one it goes on, and the position has to be right."""
    told = [opened(), update(1, UpdateKind.SNAPSHOT), update(2)]
    position = Position("AAPL", 20, 2)
    again = [opened(), update(3, UpdateKind.REPLAY)]

    assert unresumed(history(*told, Begun(None), opened(), update(5, UpdateKind.SNAPSHOT))) == []
    assert unresumed(history(*told, Begun(Resume("one", (position,))), *again)) == []
    assert unresumed(history(*told, Begun(Resume("one", (replace(position, tick_number=1),))), *again))
    assert unresumed(history(*told, Begun(Resume("one", ())), *again))


def test_gap_without_numbers_has_a_reason() -> None:
    """Where the count is lost a gap names nothing, and nothing is demanded after it; otherwise it has to name something."""
    lost_count = history(*every_tick()[:3], Gap("AAPL", 0, 0, GapReason.COUNT_LOST), update(6))
    vague = history(*every_tick()[:3], Gap("AAPL", 0, 0, GapReason.READER_LAGGED), update(6))

    assert inexact_gaps(lost_count, TRUTH) == []
    assert inexact_gaps(vague, TRUTH)
    assert unfounded(vague, frozenset({GapReason.LOG_TRUNCATED}))
