"""The publisher: sequences, one batch at a time, safe repeats."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import price_service_pb2 as wire

from ticker_client.errors import (
    InvalidArgument,
    OutcomeUnknown,
    ServerUnreachable,
    TickerError,
    Unavailable,
    UnexpectedDuplicate,
)
from ticker_client.models import PublishOutcome, PublishResult, Tick
from ticker_client.publisher import Publisher, Retry

ACCEPTED = wire.PUBLISH_OUTCOME_ACCEPTED
DUPLICATE = wire.PUBLISH_OUTCOME_DUPLICATE
UNKNOWN = wire.PUBLISH_OUTCOME_UNKNOWN
LOST = ServerUnreachable("connection reset")


class Log:
    """A price log that does not take what is not above the last sequence of a publisher and stock.

    `plan` says what becomes of each call: None = as it should be, an error to raise before or after the ticks are in
    the log, or a list of outcomes to answer.
    """

    def __init__(self, *plan: object) -> None:
        self.plan = list(plan)
        self.calls: list[list[tuple[str, int]]] = []
        self.ticks: list[tuple[str, str, int]] = []
        self.pauses: list[float] = []
        self._last: dict[tuple[str, str], int] = {}

    async def send(self, request: wire.PublishPricesRequest) -> wire.PublishPricesResponse:
        """Answer a call."""
        self.calls.append([(tick.stock_id, tick.publisher_sequence) for tick in request.ticks])
        step = self.plan.pop(0) if self.plan else None
        if isinstance(step, TickerError):
            raise step
        if isinstance(step, list):
            results = [wire.PublishResult(outcome=outcome) for outcome in step]
            return wire.PublishPricesResponse(results=results)
        response = wire.PublishPricesResponse(results=[self._take(tick) for tick in request.ticks])
        if step == "answer lost":
            raise LOST
        return response

    def _take(self, tick: object) -> wire.PublishResult:
        key = (tick.publisher_id, tick.stock_id)  # type: ignore[attr-defined]
        if tick.publisher_sequence <= self._last.get(key, 0):  # type: ignore[attr-defined]
            return wire.PublishResult(outcome=DUPLICATE)
        self._last[key] = tick.publisher_sequence  # type: ignore[attr-defined]
        self.ticks.append((tick.stock_id, tick.price, tick.publisher_sequence))  # type: ignore[attr-defined]
        return wire.PublishResult(outcome=ACCEPTED, sequence=len(self.ticks))

    async def sleep(self, seconds: float) -> None:
        """Note a pause instead of waiting."""
        self.pauses.append(seconds)

    def publisher(self, publisher_id: str = "p", first_sequence: int = 100) -> Publisher:
        """Return a publisher into this log whose pauses are the longest possible, and take no time."""
        retry = Retry(attempts=4, draw=lambda _, longest: longest, sleep=self.sleep)
        return Publisher(self.send, publisher_id, first_sequence=first_sequence, retry=retry)


def ticks(*stock_ids: str) -> list[Tick]:
    """Return a tick for each stock."""
    return [Tick(stock_id, "1.5") for stock_id in stock_ids]


def outcomes(results: Sequence[PublishResult]) -> list[PublishOutcome]:
    """Return the outcomes of results."""
    return [result.outcome for result in results]


async def test_ticks_are_published_with_growing_sequences() -> None:
    """Each tick gets the next sequence, also across calls, and its place in the log as result."""
    log = Log()
    publisher = log.publisher()
    first = await publisher.publish(ticks("AAPL", "MSFT"))
    second = await publisher.publish(ticks("AAPL"))

    assert log.calls == [[("AAPL", 100), ("MSFT", 101)], [("AAPL", 102)]]
    assert first + second == [PublishResult(PublishOutcome.ACCEPTED, number) for number in (1, 2, 3)]
    assert publisher.unconfirmed == ()


async def test_sequences_start_at_the_clock() -> None:
    """A publisher that is made later, as after a restart, draws higher sequences."""
    log = Log()
    for _ in range(2):
        await Publisher(log.send, "p").publish(ticks("AAPL"))

    assert len(log.ticks) == 2


def test_a_publisher_without_an_id_gets_a_random_one() -> None:
    """Random ids differ, and are what the server takes for an id."""
    first, second = (Publisher(Log().send).publisher_id for _ in range(2))

    assert first != second
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", first)


async def test_ticks_may_bring_their_own_sequences() -> None:
    """An own sequence is sent as it is, and what is drawn later lies above it."""
    log = Log()
    publisher = log.publisher()
    await publisher.publish([Tick("AAPL", "1", publisher_sequence=500), Tick("AAPL", "2")])

    assert log.calls == [[("AAPL", 500), ("AAPL", 501)]]


async def test_many_ticks_go_in_batches_of_a_thousand() -> None:
    """More than 1000 ticks are sent in several calls, and the results are those of all, in order."""
    log = Log()
    results = await log.publisher().publish(ticks(*["AAPL"] * 2500))

    assert [len(call) for call in log.calls] == [1000, 1000, 500]
    assert [result.sequence for result in results] == list(range(1, 2501))


async def test_an_empty_publish_is_the_servers_to_judge() -> None:
    """Publishing nothing asks the server, which refuses it."""
    log = Log(InvalidArgument("INVALID_BATCH", "no ticks"))
    with pytest.raises(InvalidArgument):
        await log.publisher().publish([])


async def test_there_is_one_batch_under_way() -> None:
    """A call that comes while another is under way is sent after the answer of the first."""
    log, release, order = Log(), asyncio.Event(), list[str]()

    async def slowly(request: wire.PublishPricesRequest) -> wire.PublishPricesResponse:
        order.append(f"send {request.ticks[0].stock_id}")
        await release.wait()
        order.append(f"answer {request.ticks[0].stock_id}")
        return await log.send(request)

    publisher = Publisher(slowly, "p")
    calls = [asyncio.create_task(publisher.publish(ticks(stock_id))) for stock_id in ("AAPL", "MSFT")]
    for _ in range(5):
        await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*calls)

    assert order == ["send AAPL", "answer AAPL", "send MSFT", "answer MSFT"]


@pytest.mark.parametrize("lost", [LOST, "answer lost"])
async def test_a_batch_without_an_answer_is_repeated_as_it_was(lost: object) -> None:
    """A batch whose answer is lost is sent again with the same sequences; it is in the log once, and ACCEPTED."""
    log = Log(lost, lost)
    results = await log.publisher().publish(ticks("AAPL", "MSFT"))

    assert log.calls == [[("AAPL", 100), ("MSFT", 101)]] * 3
    assert log.ticks == [("AAPL", "1.5", 100), ("MSFT", "1.5", 101)]
    assert outcomes(results) == [PublishOutcome.ACCEPTED] * 2


async def test_pauses_grow_and_honour_the_server() -> None:
    """The pause before a repeat doubles, and is no shorter than the server asks for."""
    draining = Unavailable("SERVER_DRAINING", "draining")
    draining.retry_after = timedelta(seconds=2)
    log = Log(LOST, LOST, draining)
    await log.publisher().publish(ticks("AAPL"))

    assert log.pauses == [0.2, 0.4, 2.0]


async def test_unknown_ticks_are_repeated_before_anything_later() -> None:
    """Only the ticks with outcome UNKNOWN are sent again, before the next batch."""
    log = Log([ACCEPTED, UNKNOWN, UNKNOWN])
    publisher = log.publisher()
    results = await publisher.publish(ticks("AAPL", "MSFT", "IBM"))

    assert log.calls[1] == [("MSFT", 101), ("IBM", 102)]
    assert outcomes(results) == [PublishOutcome.ACCEPTED] * 3


async def test_what_stays_unknown_is_told_and_kept() -> None:
    """Ticks that stay UNKNOWN are raised with what became of the others, and can be published as they were."""
    log = Log([ACCEPTED, UNKNOWN], *[[UNKNOWN]] * 3)
    publisher = log.publisher()
    with pytest.raises(OutcomeUnknown) as caught:
        await publisher.publish(ticks("MSFT", "AAPL"))

    assert outcomes(caught.value.results) == [PublishOutcome.ACCEPTED, PublishOutcome.UNKNOWN]
    assert caught.value.retryable
    assert publisher.unconfirmed == (Tick("AAPL", "1.5", publisher_sequence=101),)
    assert outcomes(await publisher.publish(publisher.unconfirmed)) == [PublishOutcome.ACCEPTED]
    assert publisher.unconfirmed == ()


async def test_nothing_later_is_sent_after_an_unknown() -> None:
    """While the outcome of a batch is not known the next batches are not sent; all of them are kept."""
    log = Log(*[[UNKNOWN] * 1000] * 4)
    publisher = log.publisher()
    with pytest.raises(OutcomeUnknown):
        await publisher.publish(ticks(*["AAPL"] * 1500))

    assert [len(call) for call in log.calls] == [1000] * 4
    assert [tick.publisher_sequence for tick in publisher.unconfirmed] == list(range(100, 1600))


async def test_a_batch_is_repeated_for_a_time() -> None:
    """Repeats go on until the next one would begin later than the total time, however many they are."""
    log = Log(*[LOST] * 100)
    retry = Retry(draw=lambda _, longest: longest, sleep=log.sleep, clock=lambda: sum(log.pauses))
    with pytest.raises(ServerUnreachable):
        await Publisher(log.send, "p", retry=retry).publish(ticks("AAPL"))

    assert log.pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]
    assert len(log.calls) == 10


async def test_the_last_failure_is_raised_and_the_ticks_are_kept() -> None:
    """After the last attempt its error is raised; what may be in the log, and what was not sent yet, is kept."""
    log = Log(None, "answer lost", LOST, LOST, LOST)
    publisher = log.publisher()
    with pytest.raises(ServerUnreachable):
        await publisher.publish(ticks(*["AAPL"] * 2001))
    unconfirmed = publisher.unconfirmed
    results = await publisher.publish(unconfirmed)

    assert len(unconfirmed) == 1001
    assert outcomes(results) == [PublishOutcome.DUPLICATE] * 1000 + [PublishOutcome.ACCEPTED]
    assert [sequence for _, _, sequence in log.ticks] == list(range(100, 2101))


async def test_a_cancelled_publish_keeps_the_ticks() -> None:
    """A publish that is cancelled on the way leaves its ticks in `unconfirmed`, and the publisher usable."""
    started = asyncio.Event()

    async def never(_: object) -> wire.PublishPricesResponse:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    publisher = Publisher(never, "p", first_sequence=7)
    call = asyncio.create_task(publisher.publish(ticks("AAPL")))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert publisher.unconfirmed == (Tick("AAPL", "1.5", publisher_sequence=7),)


@pytest.mark.parametrize(
    "error", [InvalidArgument("INVALID_PRICE", "bad"), ServerUnreachable("refused", reason="NOT_CONNECTED")]
)
async def test_what_cannot_help_is_not_repeated(error: TickerError) -> None:
    """An error that a repeat does not change, or that says that nothing was sent, is raised at once."""
    log = Log(error)
    with pytest.raises(type(error)):
        await log.publisher().publish(ticks("AAPL"))

    assert len(log.calls) == 1


async def test_a_duplicate_of_what_was_just_drawn_is_an_error() -> None:
    """A DUPLICATE for a sequence that was drawn and sent for the first time raises UnexpectedDuplicate."""
    log = Log()
    await log.publisher(first_sequence=1000).publish(ticks("AAPL"))
    publisher = log.publisher(first_sequence=100)
    with pytest.raises(UnexpectedDuplicate) as caught:
        await publisher.publish(ticks("MSFT", "AAPL"))

    assert caught.value.indexes == (1,)
    assert publisher.unconfirmed == ()


async def test_a_duplicate_of_an_own_sequence_is_a_result() -> None:
    """A DUPLICATE for a sequence that the tick brought along is told as it is, also after a repeat."""
    log = Log(None, LOST)
    publisher = log.publisher()
    tick = Tick("AAPL", "1", publisher_sequence=5)
    assert outcomes(await publisher.publish([tick])) == [PublishOutcome.ACCEPTED]

    assert outcomes(await publisher.publish([tick])) == [PublishOutcome.DUPLICATE]


@given(st.lists(st.sampled_from([None, LOST, "answer lost"]), max_size=3), st.integers(1, 5))
def test_each_tick_is_in_the_log_once_and_in_order(plan: list[object], count: int) -> None:
    """Whatever is lost on the way, each tick gets into the log once, in order."""
    log = Log(*plan)

    async def program() -> None:
        publisher = log.publisher()
        for _ in range(count):
            await publisher.publish(ticks("AAPL", "MSFT"))

    asyncio.run(program())

    assert [sequence for _, _, sequence in log.ticks] == list(range(100, 100 + 2 * count))


@pytest.mark.parametrize(
    ("tick", "price", "size", "trade_time"),
    [
        (Tick("A", "1.50"), "1.50", "", None),
        (Tick("A", Decimal("1E-9"), Decimal("1E+3")), "0.000000001", "1000", None),
        (Tick("A", "1", "0", 1_500_000_001), "1", "0", Timestamp(seconds=1, nanos=500_000_001)),
        (Tick("A", "1", trade_time=datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)), "1", "", Timestamp(seconds=2)),
    ],
)
async def test_ticks_go_out_as_text(tick: Tick, price: str, size: str, trade_time: Timestamp | None) -> None:
    """Numbers are sent with plain digits, times to the nanosecond, and what is not given is left to the server."""
    sent: list[wire.PublishPricesRequest] = []

    async def send(request: wire.PublishPricesRequest) -> wire.PublishPricesResponse:
        sent.append(request)
        return wire.PublishPricesResponse(results=[wire.PublishResult(outcome=ACCEPTED)])

    await Publisher(send, "p").publish([tick])
    (message,) = sent[0].ticks

    assert (message.price, message.size, message.publisher_id) == (price, size, "p")
    assert (message.trade_time if message.HasField("trade_time") else None) == trade_time


def test_the_default_pauses_are_drawn() -> None:
    """By default the pause is random, so that publishers do not all come back at once."""
    draw: Callable[[float, float], float] = Retry().draw

    assert len({draw(0, 1) for _ in range(5)}) > 1
