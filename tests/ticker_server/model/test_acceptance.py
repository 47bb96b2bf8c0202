from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model.acceptance import (
    MAX_TRADE_TIME_LEAD,
    MIN_TRADE_TIME,
    REMEMBERED_PUBLISHERS,
    Acceptance,
    Numbering,
    Reason,
    Record,
)
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick, Tick

PARTITIONS = 4
NOW = 1_763_900_000_000_000_000

ticks = st.builds(
    Tick,
    stock_id=st.sampled_from(["AAPL", "MSFT", "BRK.B", "7203"]),
    price=st.sampled_from(["1", "2.50", "0", "x"]),
    trade_time=st.sampled_from([None, 5, NOW + 2 * MAX_TRADE_TIME_LEAD]),
).flatmap(
    lambda tick: st.one_of(
        st.just(tick),
        st.builds(
            lambda publisher, sequence: replace(tick, publisher_id=publisher, publisher_sequence=sequence),
            st.sampled_from(["p", "q"]),
            st.integers(0, 6),
        ),
    )
)


@st.composite
def logs(draw: Callable[..., list[tuple[Tick, int, bool]]]) -> list[Record]:
    """Draw a log: records of a few stocks, some of them bad, by a clock that sometimes goes back."""
    drawn = draw(st.lists(st.tuples(ticks, st.integers(-3, 5), st.booleans()), max_size=60))
    records, clock = [], NOW
    for sequence, (tick, step, strays) in enumerate(drawn, start=1):
        clock += step
        home = home_partition(tick.stock_id, PARTITIONS)
        partition = (home + 1) % PARTITIONS if strays and step == 0 else home
        records.append(Record(partition, sequence, clock, tick.stock_id, tick))
    return records


def fold(acceptance: Acceptance, records: Iterable[Record]) -> list[object]:
    """Return the verdicts on records, comparable."""
    return [comparable(acceptance.accept(record)) for record in records]


def comparable(verdict: AcceptedTick | Reason) -> object:
    """Return a verdict that equals another one of the same content."""
    if isinstance(verdict, Reason):
        return verdict
    return tuple(getattr(verdict, name) for name in AcceptedTick.__slots__)


def state_of(acceptance: Acceptance) -> list[Numbering]:
    """Return the state as it would be stored and loaded again: equal, but nothing shared, and in any order."""
    return copy.deepcopy(sorted(acceptance.numberings.values(), key=lambda each: each.newest.price))


def record(tick: Tick, *, sequence: int = 1, accept_time: int = NOW) -> Record:
    """Return a record of a log with one partition."""
    return Record(0, sequence, accept_time, tick.stock_id, tick)


def accepted(acceptance: Acceptance, one: Record) -> AcceptedTick:
    """Accept a record that must be accepted."""
    verdict = acceptance.accept(one)
    assert isinstance(verdict, AcceptedTick), verdict
    return verdict


@given(logs(), st.data())
def test_fold_is_a_function_of_the_log(log: list[Record], data: st.DataObject) -> None:
    """A fold in one go, and one that is stored and gone on with at any points, give the same verdicts and state."""
    whole = Acceptance(PARTITIONS)
    expected = fold(whole, log)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=3), label="cuts"))

    verdicts, state, start = [], [], 0
    for cut in [*cuts, len(log)]:
        part = Acceptance(PARTITIONS, state)
        verdicts += fold(part, log[start:cut])
        state, start = state_of(part), cut

    assert verdicts == expected
    assert {each.newest.stock_id: list(each.publishers.items()) for each in state} == {
        stock_id: list(each.publishers.items()) for stock_id, each in whole.numberings.items()
    }


@given(logs())
def test_numbers_of_each_stock_are_contiguous(log: list[Record]) -> None:
    """The accepted ticks of each stock are numbered 1, 2, 3 and so on, and keep their sequence of the log."""
    acceptance = Acceptance(PARTITIONS)
    numbers: dict[str, list[int]] = {}
    for each in log:
        if isinstance(tick := acceptance.accept(each), AcceptedTick):
            assert tick.sequence == each.sequence
            numbers.setdefault(tick.stock_id, []).append(tick.tick_number)

    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


@given(logs())
def test_accept_time_never_goes_back(log: list[Record]) -> None:
    """Accept times never go back within a partition, and are the log's own where its clock did not."""
    acceptance = Acceptance(PARTITIONS)
    latest = dict.fromkeys(range(PARTITIONS), 0)
    for each in log:
        if isinstance(tick := acceptance.accept(each), AcceptedTick):
            assert tick.accept_time == max(latest[each.partition], each.accept_time)
            latest[each.partition] = tick.accept_time


@given(logs())
def test_repeats_are_dropped(log: list[Record]) -> None:
    """Per stock and publisher, the accepted publisher sequences strictly increase, and none but repeats are dropped."""
    acceptance = Acceptance(PARTITIONS)
    last: dict[tuple[str, str], int] = {}
    for each in log:
        key = (each.tick.stock_id, each.tick.publisher_id)
        verdict = acceptance.accept(each)
        if isinstance(verdict, AcceptedTick) and each.tick.publisher_id:
            assert each.tick.publisher_sequence > last.get(key, 0)
            last[key] = each.tick.publisher_sequence
        if verdict is Reason.DUPLICATE:
            assert each.tick.publisher_sequence <= last[key]


def test_accepted_tick_has_all_of_the_tick() -> None:
    """An accepted tick has the digits of price and size as they were sent, and the trade time."""
    tick = accepted(Acceptance(1), record(Tick("AAPL", "007.50", "0.0", 42), sequence=9))

    assert comparable(tick) == ("AAPL", "007.50", "0.0", 42, NOW, 9, 1, b"")


def test_trade_time_is_the_accept_time_by_default() -> None:
    """A tick without a trade time gets its accept time, flattened where the clock of the log went back."""
    acceptance = Acceptance(1)
    accepted(acceptance, record(Tick("MSFT", "1"), accept_time=NOW + 7))

    assert accepted(acceptance, record(Tick("AAPL", "1"), accept_time=NOW)).trade_time == NOW + 7


@pytest.mark.parametrize(
    ("trade_time", "reason"),
    [
        (NOW + MAX_TRADE_TIME_LEAD, None),
        (NOW + MAX_TRADE_TIME_LEAD + 1, Reason.FUTURE_TRADE_TIME),
        (MIN_TRADE_TIME, None),
        (MIN_TRADE_TIME - 1, Reason.MALFORMED),
        (0, None),
    ],
)
def test_trade_time_limits(trade_time: int, reason: Reason | None) -> None:
    """A trade time is at most 5 s ahead of the accept time, and of any age that 64 bits of nanoseconds hold."""
    verdict = Acceptance(1).accept(record(Tick("AAPL", "1", trade_time=trade_time)))

    assert (verdict if isinstance(verdict, Reason) else None) is reason


@pytest.mark.parametrize(
    "tick",
    [
        Tick("aapl", "1"),
        Tick("", "1"),
        Tick("AAPL", "0"),
        Tick("AAPL", "1", "-1"),
        Tick("AAPL", "1", publisher_id="p"),
        Tick("AAPL", "1", publisher_sequence=1),
        Tick("AAPL", "1", publisher_id="p", publisher_sequence=-1),
        Tick("AAPL", "1", publisher_id="p q", publisher_sequence=1),
    ],
)
def test_malformed(tick: Tick) -> None:
    """A tick that breaks a rule of its fields is malformed."""
    assert Acceptance(1).accept(record(tick)) is Reason.MALFORMED


def test_wrong_key() -> None:
    """A record whose key is not its stock is skipped."""
    assert Acceptance(1).accept(replace(record(Tick("AAPL", "1")), key="MSFT")) is Reason.WRONG_KEY


@pytest.mark.parametrize("partitions", [1, PARTITIONS])
def test_wrong_partition(partitions: int) -> None:
    """A record in a partition that is not its stock's is skipped, also in one that was added to the topic."""
    acceptance = Acceptance(partitions)
    strays = set(range(partitions + 3)) - {home_partition("AAPL", partitions)}
    verdicts = {acceptance.accept(replace(record(Tick("AAPL", "1")), partition=stray)) for stray in strays}

    assert verdicts == {Reason.WRONG_PARTITION}


def test_skipped_record_changes_nothing() -> None:
    """A record that is skipped moves neither the clock, nor a number, nor what is remembered of publishers."""
    acceptance = Acceptance(1)
    first = Tick("AAPL", "1", publisher_id="p", publisher_sequence=3)
    accepted(acceptance, record(first))
    before = state_of(acceptance)

    late = NOW + 10**12
    skipped: Sequence[Tick] = [
        first,
        Tick("AAPL", "x", publisher_id="p", publisher_sequence=4),
        Tick("AAPL", "1", trade_time=late * 2, publisher_id="p", publisher_sequence=5),
    ]
    verdicts = [acceptance.accept(record(tick, accept_time=late)) for tick in skipped]

    assert verdicts == [Reason.DUPLICATE, Reason.MALFORMED, Reason.FUTURE_TRADE_TIME]
    assert [(comparable(each.newest), each.publishers) for each in state_of(acceptance)] == [
        (comparable(each.newest), each.publishers) for each in before
    ]
    assert accepted(acceptance, record(Tick("AAPL", "2"), accept_time=NOW + 1)).accept_time == NOW + 1


def test_publishers_are_remembered_in_log_order() -> None:
    """Of more than 64 publishers of a stock, the one that was silent longest is forgotten, and none of another stock."""
    acceptance = Acceptance(1)

    def publish(publisher: int, sequence: int, stock_id: str = "AAPL") -> AcceptedTick | Reason:
        tick = Tick(stock_id, "1", publisher_id=f"p{publisher}", publisher_sequence=sequence)
        return acceptance.accept(record(tick))

    publish(0, 5, "MSFT")
    for publisher in range(REMEMBERED_PUBLISHERS):
        publish(publisher, 5)
    publish(0, 6)
    publish(REMEMBERED_PUBLISHERS, 5)

    assert list(acceptance.numberings["AAPL"].publishers) == [f"p{n}" for n in [*range(2, 64), 0, 64]]
    assert publish(0, 6) is Reason.DUPLICATE
    assert publish(2, 5) is Reason.DUPLICATE
    assert isinstance(publish(1, 5), AcceptedTick)
    assert publish(0, 5, "MSFT") is Reason.DUPLICATE


def test_ticks_without_a_publisher_are_never_repeats() -> None:
    """The same tick twice is two ticks if nobody says who published it."""
    acceptance = Acceptance(1)

    assert [accepted(acceptance, record(Tick("AAPL", "1"))).tick_number for _ in range(3)] == [1, 2, 3]
