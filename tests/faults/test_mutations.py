"""Histories that were spoiled on purpose: each way to spoil one is found by the validator that is there for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticker.v1 import tick_pb2

from tests.support.evidence import Evidence
from tests.support.history import Begun, History, Seen
from tests.support.judging import main
from tests.support.rehearsal import STOCKS, rehearse
from tests.support.validators import slowed
from tests.support.validators.chain import Chain
from ticker_client import Gap, GapReason, Heartbeat, PublishOutcome, Update, UpdateKind
from ticker_client.events import Event
from ticker_client.instants import nanoseconds_of, timestamp_of

SEEDS = range(20)
EXAMPLES = 12
HOUR = timedelta(hours=1)
SECOND = 1_000_000_000


@cache
def good(seed: int) -> Evidence:
    """Return what was recorded of a run in which all went well."""
    return rehearse(seed)


def copy(evidence: Evidence) -> Evidence:
    """Return a copy that may be spoiled."""
    truth = {stock_id: list(ticks) for stock_id, ticks in evidence.truth.items()}
    histories = {name: list(history) for name, history in evidence.histories.items()}
    return Evidence(histories, list(evidence.answers), truth, list(evidence.rows), dict(evidence.notes))


def other(update: Update, *, price: str = "", number: int = 0, superseded: int | None = None) -> Update:
    """Return an update that says something else."""
    message = tick_pb2.StockUpdate(
        stock_id=update.stock_id,
        price=price or update.price_text,
        sequence=update.sequence,
        tick_number=number or update.tick_number,
        trade_time=timestamp_of(update.trade_time_ns),
        accept_time=timestamp_of(update.accept_time_ns),
    )
    return Update(message, update.kind, update.superseded if superseded is None else superseded, update.sent_time_ns)


@dataclass(frozen=True)
class Place:
    """A place in a history at which it may be spoiled."""

    index: int
    event: Event | Begun
    is_first: bool = False
    """Whether it is the first word about its stock on a further stream."""
    next_word: int = 0
    """Where the next word about its stock is; 0 = nowhere."""
    next_is_first: bool = False
    """Whether that is the first one on its stream."""


def places(history: History) -> Iterator[Place]:
    """Yield all places of a history."""
    chain = Chain()
    later: dict[str, Place] = {}
    found: list[Place] = []
    for index, seen in enumerate(history):
        link = chain.take(seen.event)
        found.append(Place(index, seen.event, is_first=link is not None and link.is_first))
    for place in reversed(found):
        stock_id = getattr(place.event, "stock_id", None)
        following = None if stock_id is None else later.get(stock_id)
        yield (
            place if following is None else replace(place, next_word=following.index, next_is_first=following.is_first)
        )
        if isinstance(place.event, Update | Gap):
            later[place.event.stock_id] = place


Spoil = Callable[[History, Place], None]
Choose = Callable[[Place], bool]


def drop(history: History, place: Place) -> None:
    """Forget an event."""
    del history[place.index]


def change(**facts: object) -> Spoil:
    """Say something else of an update."""

    def spoil(history: History, place: Place) -> None:
        assert isinstance(place.event, Update)
        history[place.index] = Seen(history[place.index].at, other(place.event, **facts))  # type: ignore[arg-type]

    return spoil


def renumber(history: History, place: Place) -> None:
    """Count one more."""
    assert isinstance(place.event, Update)
    change(number=place.event.tick_number + 1)(history, place)


def supersede(history: History, place: Place) -> None:
    """Say that one more was superseded."""
    assert isinstance(place.event, Update)
    change(superseded=place.event.superseded + 1)(history, place)


def repeat(history: History, place: Place) -> None:
    """Tell it again."""
    history.insert(place.index + 1, history[place.index])


def swap(history: History, place: Place) -> None:
    """Tell it after what comes next."""
    one, two = place.index, place.next_word
    history[one], history[two] = (
        Seen(history[one].at, history[two].event),
        Seen(history[two].at, history[one].event),
    )


def stretch(first: int = 0, last: int = 0, reason: GapReason | None = None) -> Spoil:
    """Let a gap name more or less, or another reason."""

    def spoil(history: History, place: Place) -> None:
        gap = place.event
        assert isinstance(gap, Gap)
        spoiled = Gap(
            gap.stock_id,
            gap.first_missing_tick_number + first,
            gap.last_missing_tick_number + last,
            reason or gap.reason,
        )
        history[place.index] = Seen(history[place.index].at, spoiled)

    return spoil


def claim(history: History, place: Place) -> None:
    """Claim that everything has been read, of the next hour too."""
    beat = place.event
    assert isinstance(beat, Heartbeat)
    history[place.index] = Seen(history[place.index].at, replace(beat, read_through=beat.server_time + HOUR))


def skip_ahead(history: History, place: Place) -> None:
    """Go on from one tick further than the program has seen."""
    begun = place.event
    assert isinstance(begun, Begun)
    assert begun.resume is not None
    positions = tuple(replace(one, tick_number=one.tick_number + 1) for one in begun.resume.positions)
    history[place.index] = Seen(history[place.index].at, Begun(replace(begun.resume, positions=positions)))


def is_live(place: Place) -> bool:
    """Choose updates that come within a stream, and are not the last words of it about their stocks."""
    return isinstance(place.event, Update) and not place.is_first and bool(place.next_word) and not place.next_is_first


def is_counted(place: Place) -> bool:
    """Choose updates that follow on from others."""
    return is_live(place) and is_news(place)


def is_first_update(place: Place) -> bool:
    """Choose the first updates of their stocks after a reconnect."""
    return isinstance(place.event, Update) and place.is_first and bool(place.next_word)


def is_gap(place: Place) -> bool:
    """Choose gaps."""
    return isinstance(place.event, Gap) and bool(place.next_word) and not place.next_is_first


def is_any_update(place: Place) -> bool:
    """Choose all updates."""
    return isinstance(place.event, Update)


def is_news(place: Place) -> bool:
    """Choose updates that are no state of a stock, which may be told again."""
    return isinstance(place.event, Update) and place.event.kind is not UpdateKind.SNAPSHOT


def is_last_update(place: Place) -> bool:
    """Choose the last updates of their stocks."""
    return isinstance(place.event, Update) and not place.next_word


def is_restart(place: Place) -> bool:
    """Choose the beginnings of programs that have a position."""
    return isinstance(place.event, Begun) and place.event.resume is not None and bool(place.event.resume.positions)


MUTATIONS: dict[str, tuple[str, Choose, Spoil, str]] = {
    "drop an update": ("every", is_live, drop, "unaccounted"),
    "drop an update, unseen by the SDK": ("trusting", is_live, drop, "unaccounted"),
    "drop an update between beats": ("often", is_live, drop, "unaccounted"),
    "count one more as superseded": ("often", is_counted, supersede, "unaccounted"),
    "drop the first update after a reconnect": ("every", is_first_update, drop, "unresumed"),
    "drop a reconnect's newest price": ("often", is_first_update, drop, "unresumed"),
    "repeat an update": ("every", is_news, repeat, "repeated"),
    "repeat an update with a frequency": ("often", is_news, repeat, "out_of_order"),
    "swap two updates": ("every", is_live, swap, "out_of_order"),
    "corrupt a price": ("every", is_any_update, change(price="99.25"), "untrue"),
    "corrupt a price with a frequency": ("often", is_any_update, change(price="99.25"), "untrue"),
    "renumber": ("every", is_live, renumber, "unaccounted"),
    "renumber into what is another tick": ("every", is_any_update, renumber, "untrue"),
    "drop a gap": ("every", is_gap, drop, "unresumed"),
    "widen a gap at its end": ("every", is_gap, stretch(last=1), "inexact_gaps"),
    "narrow a gap at its end": ("every", is_gap, stretch(last=-1), "inexact_gaps"),
    "widen a gap at its beginning": ("every", is_gap, stretch(first=-1), "inexact_gaps"),
    "narrow a gap at its beginning": ("every", is_gap, stretch(first=1), "inexact_gaps"),
    "let nobody explain a gap": ("every", is_gap, stretch(reason=GapReason.UNEXPLAINED), "unaccounted"),
    "call a fast reader slow": ("every", is_gap, stretch(reason=GapReason.READER_LAGGED), "unfounded"),
    "drop the last update": ("every", is_last_update, drop, "unconverged"),
    "drop the last update with a frequency": ("often", is_last_update, drop, "unconverged"),
    "go on from further than was read": ("every", is_restart, skip_ahead, "unresumed"),
}


@settings(max_examples=EXAMPLES)
@given(data=st.data())
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_mutation_is_found(mutation: str, data: st.DataObject) -> None:
    """Wherever a good history is spoiled, the validator that is there for it finds it."""
    reader, choose, spoil, validator = MUTATIONS[mutation]
    spoiled = copy(good(data.draw(st.sampled_from(SEEDS))))
    history = spoiled.histories[reader]
    chosen = [place for place in places(history) if choose(place)]
    if chosen:
        spoil(history, data.draw(st.sampled_from(chosen)))
        assert f"{validator} {reader}" in spoiled.faults()


@settings(max_examples=EXAMPLES)
@given(seed=st.sampled_from(SEEDS), data=st.data())
@pytest.mark.parametrize("reader", ["every", "often"])
def test_claim_is_found(reader: str, seed: int, data: st.DataObject) -> None:
    """A heartbeat that claims to have read what was not told yet is found, wherever it comes."""
    spoiled = copy(good(seed))
    history = spoiled.histories[reader]
    newest = max(tick.accept_time for ticks in spoiled.truth.values() for tick in ticks)
    # With a frequency a later heartbeat on the same stream shows that nothing was on its way; the last 20 s are quiet.
    earliest = 0 if reader == "every" else newest - 20 * SECOND
    chosen = [
        place
        for place in places(history)
        if isinstance(beat := place.event, Heartbeat)
        and earliest < nanoseconds_of(beat.server_time) < newest - 6 * SECOND
    ]
    claim(history, data.draw(st.sampled_from(chosen)))

    assert f"overclaimed {reader}" in spoiled.faults()


@settings(max_examples=EXAMPLES)
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_answer_that_is_untrue_is_found(seed: int, data: st.DataObject) -> None:
    """What was ACCEPTED and is not in the log, is there twice, or before its place, is found; so is what nobody sent."""
    evidence = good(seed)
    ticks = [tick for accepted in evidence.truth.values() for tick in accepted]
    tick, answer = data.draw(st.sampled_from(ticks)), data.draw(st.sampled_from(evidence.answers))
    without, twice, early, unsent = (copy(evidence) for _ in range(4))
    without.truth[tick.stock_id].remove(tick)
    twice.truth[tick.stock_id].append(replace(tick, sequence=10**6))
    early.answers[early.answers.index(answer)] = replace(answer, sequence=answer.sequence - 1)
    unsent.answers.remove(answer)

    assert [
        name
        for name, one in {"without": without, "twice": twice, "early": early}.items()
        if "undurable" in one.faults()
    ] == ["without", "twice", "early"]
    assert "unsent" in unsent.faults()


def test_unknown_may_be_in_the_log_or_not() -> None:
    """Of a tick whose outcome stayed UNKNOWN nothing is said, but that it is not there twice."""
    evidence = copy(good(0))
    unknown = replace(evidence.answers[0], outcome=PublishOutcome.UNKNOWN, sequence=0)
    evidence.answers[0] = unknown
    assert evidence.faults() == {}

    evidence.answers.append(replace(unknown, price="77.7"))
    assert evidence.faults() == {}
    first = evidence.truth[unknown.stock_id][0]
    evidence.truth[unknown.stock_id].append(replace(first, sequence=10**6))
    assert "undurable" in evidence.faults()


@settings(max_examples=EXAMPLES)
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_row_that_is_untrue_is_found(seed: int, data: st.DataObject) -> None:
    """A row that goes back, is no tick of the log, or is not the newest at last, is found."""
    evidence = good(seed)
    stock_id = data.draw(st.sampled_from(STOCKS))
    mine = [index for index, row in enumerate(evidence.rows) if row.stock_id == stock_id]
    turn = data.draw(st.integers(1, len(mine) - 1))
    back, wrong, stale = (copy(evidence) for _ in range(3))
    one, two = mine[turn - 1], mine[turn]
    back.rows[one], back.rows[two] = back.rows[two], back.rows[one]
    wrong.rows[two] = replace(wrong.rows[two], price="99.25")
    del stale.rows[mine[-1]]

    assert "went_back" in back.faults()
    assert "unstored" in wrong.faults()
    assert "unstored" in stale.faults()


def test_reader_that_is_held_up_is_found() -> None:
    """Prices that take long beside a slow reader, or are too few to tell, are found."""
    sent = {("AAPL", f"{number}.5"): float(number) for number in range(200)}
    history = [Seen(number + (0.01 if number < 100 else 1.1), spoken("AAPL", f"{number}.5")) for number in range(200)]

    assert slowed(history, sent, (0, 100), (100, 200))
    assert slowed(history, sent, (0, 50), (50, 100)) == []
    assert slowed(history, sent, (0, 10), (100, 200))


def spoken(stock_id: str, price: str) -> Update:
    """Return an update that says a price."""
    return Update(tick_pb2.StockUpdate(stock_id=stock_id, price=price), UpdateKind.LIVE)


@pytest.mark.parametrize("seed", [0, 1])
def test_saved_run_is_judged_alike(seed: int, tmp_path: Path) -> None:
    """What was saved and loaded is the same, event by event, and is judged alike by who comes later."""
    run = copy(good(seed))
    run.save(tmp_path / "good")
    loaded = Evidence.load(tmp_path / "good")
    drop(run.histories["every"], next(place for place in places(run.histories["every"]) if is_counted(place)))
    run.save(tmp_path / "spoiled")

    assert loaded.histories == good(seed).histories
    assert (loaded.answers, loaded.rows, loaded.notes) == (run.answers, run.rows, run.notes)
    assert main([str(tmp_path / "good")]) == 0
    assert main([str(tmp_path / "good"), str(tmp_path / "spoiled")]) == 1
