"""A publisher: ticks that may be sent twice and are in the price log once."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ticker.v1 import price_service_pb2 as wire
from ticker.v1 import tick_pb2

from ticker_client.errors import OutcomeUnknown, TickerError, UnexpectedDuplicate
from ticker_client.instants import nanoseconds_of, timestamp_of
from ticker_client.models import PublishOutcome, PublishResult, Tick

__all__ = ["Publisher", "Retry"]

BATCH_SIZE = 1000
_UNKNOWN = PublishResult(PublishOutcome.UNKNOWN)
_OUTCOMES = {
    wire.PUBLISH_OUTCOME_ACCEPTED: PublishOutcome.ACCEPTED,
    wire.PUBLISH_OUTCOME_DUPLICATE: PublishOutcome.DUPLICATE,
}

Send = Callable[[wire.PublishPricesRequest], Awaitable[wire.PublishPricesResponse]]
"""Makes the call, and raises a TickerError."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How a batch is repeated whose outcome is not known: until it is, or until it has taken too long."""

    total_time: timedelta = timedelta(seconds=30)
    """No attempt begins later than this after the first one."""
    attempts: int | None = None
    """How often it is sent at most; None = only the time counts."""
    first_pause: timedelta = timedelta(milliseconds=200)
    """The longest pause before the second attempt; it doubles with each further one."""
    longest_pause: timedelta = timedelta(seconds=5)
    draw: Callable[[float, float], float] = random.uniform
    """Draws the pause, so that publishers do not all come back at once."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    """Tells the time in seconds, from any point on."""

    def pause(self, attempt: int, at_least: timedelta | None, since: float) -> float | None:
        """Return how long to wait after an attempt (1, 2 ...), in seconds: no less than the server asked for.

        None = that was the last attempt, of those that began at `since`.
        """
        doublings = min(attempt - 1, 30)  # no pause is that long
        longest = min(self.first_pause * 2**doublings, self.longest_pause).total_seconds()
        least = min(at_least or timedelta(), self.longest_pause).total_seconds()
        pause = max(self.draw(0, longest), least)
        is_last = attempt == self.attempts or self.clock() - since + pause > self.total_time.total_seconds()
        return None if is_last else pause


class Publisher:
    """Publishes under one id, one batch after the other.

    Each tick has a sequence that grows, and the server drops what is not above the last one of its publisher and
    stock. So a batch can be sent again when its outcome is not known, and is in the price log once. For the same
    reason there is never more than one batch under way: two could overtake each other, and the late one would be
    dropped. A call that comes meanwhile waits.

    Sequences are drawn from the clock at the start and then counted up, so a program that starts again under the
    same id goes on above them. A tick may bring its own instead.
    """

    def __init__(
        self,
        send: Send,
        publisher_id: str | None = None,
        *,
        first_sequence: int | None = None,
        retry: Retry | None = None,
    ) -> None:
        self._send = send
        self._publisher_id = publisher_id if publisher_id is not None else uuid.uuid4().hex
        self._next_sequence = time.time_ns() if first_sequence is None else first_sequence
        self._retry = retry or Retry()
        self._one_at_a_time = asyncio.Lock()
        self._unconfirmed: tuple[Tick, ...] = ()

    @property
    def publisher_id(self) -> str:
        """The id under which the server knows this publisher."""
        return self._publisher_id

    @property
    def unconfirmed(self) -> tuple[Tick, ...]:
        """The ticks of the last `publish()` that may be in the price log or not, with their sequences, in order.

        After an error or a cancellation, publish *these* to go on, before anything later of their stocks: they carry
        the sequences under which they were sent, so that none of them gets into the log twice. The original ticks would
        get new ones.
        """
        return self._unconfirmed

    async def publish(self, ticks: Sequence[Tick]) -> list[PublishResult]:
        """Publish ticks in order and return what became of each.

        More than 1000 are sent in several batches. A batch without an answer, and the ticks of one with outcome
        UNKNOWN, are repeated with the same sequences before anything later is sent, after growing pauses, for up to 30
        seconds per batch (see Retry).

        Raises:
            UnexpectedDuplicate: another publisher uses the same id.
            OutcomeUnknown: ticks stayed UNKNOWN; see `unconfirmed`, and the error for what became of the others.
            InvalidArgument: a tick is not valid; nothing of its batch was published.
            TickerError: the last attempt failed; see `unconfirmed`.
        """
        async with self._one_at_a_time:
            numbered = [self._numbered(tick) for tick in ticks]
            drawn = [tick.publisher_sequence is None for tick in ticks]
            results: list[PublishResult] = []
            # At least one batch, so that the server judges an empty publish.
            for start in range(0, max(1, len(ticks)), BATCH_SIZE):
                end = start + BATCH_SIZE
                self._unconfirmed = tuple(numbered[start:])
                results += await self._publish_batch(numbered[start:end], drawn[start:end])
                self._unconfirmed = tuple(_unknown(numbered, results)) + tuple(numbered[end:])
                self._check_duplicates(results, drawn)
                # A later tick of the same stock would make the server take the unknown one for a repeat, for good.
                if any(result.outcome is PublishOutcome.UNKNOWN for result in results):
                    raise OutcomeUnknown(results)
            return results

    def _numbered(self, tick: Tick) -> Tick:
        if tick.publisher_sequence is None:
            tick = replace(tick, publisher_sequence=self._next_sequence)
        self._next_sequence = max(self._next_sequence, (tick.publisher_sequence or 0) + 1)
        return tick

    async def _publish_batch(self, ticks: list[Tick], drawn: list[bool]) -> list[PublishResult]:
        results = [_UNKNOWN] * len(ticks)
        places = list(range(len(ticks)))
        began = self._retry.clock()
        for attempt in itertools.count(1):
            wait_for = None
            failure = None
            try:
                answers = await self._send_once([ticks[place] for place in places])
            except TickerError as error:
                if not error.retryable or error.reason == "NOT_CONNECTED":
                    raise
                failure, wait_for = error, error.retry_after
            else:
                for place, answer in zip(places, answers, strict=True):
                    results[place] = _judged(answer, repeated=attempt > 1, drawn=drawn[place])
                places = [place for place in places if results[place].outcome is PublishOutcome.UNKNOWN]
            pause = self._retry.pause(attempt, wait_for, began) if places else None
            if pause is None:
                if failure is not None:
                    raise failure
                break
            await self._retry.sleep(pause)
        return results

    async def _send_once(self, ticks: list[Tick]) -> list[PublishResult]:
        request = wire.PublishPricesRequest(ticks=[_message_of(tick, self._publisher_id) for tick in ticks])
        response = await self._send(request)
        return [
            PublishResult(_OUTCOMES.get(result.outcome, PublishOutcome.UNKNOWN), result.sequence)
            for result in response.results
        ]

    def _check_duplicates(self, results: list[PublishResult], drawn: list[bool]) -> None:
        """Raise UnexpectedDuplicate if the server knew sequences when they were sent for the first time."""
        indexes = [
            index for index, result in enumerate(results) if result.outcome is PublishOutcome.DUPLICATE and drawn[index]
        ]
        if indexes:
            raise UnexpectedDuplicate(self._publisher_id, indexes)


def _unknown(ticks: list[Tick], results: list[PublishResult]) -> Iterator[Tick]:
    for tick, result in zip(ticks, results, strict=False):
        if result.outcome is PublishOutcome.UNKNOWN:
            yield tick


def _judged(answer: PublishResult, *, repeated: bool, drawn: bool) -> PublishResult:
    """Return the result of an attempt: a repeat of what we drew ourselves is known because it was accepted before."""
    if repeated and drawn and answer.outcome is PublishOutcome.DUPLICATE:
        return PublishResult(PublishOutcome.ACCEPTED)
    return answer


def _message_of(tick: Tick, publisher_id: str) -> tick_pb2.Tick:
    message = tick_pb2.Tick(
        stock_id=tick.stock_id,
        price=_text_of(tick.price),
        size="" if tick.size is None else _text_of(tick.size),
        publisher_id=publisher_id,
        publisher_sequence=tick.publisher_sequence or 0,
    )
    if tick.trade_time is not None:
        at = tick.trade_time if isinstance(tick.trade_time, int) else nanoseconds_of(tick.trade_time)
        message.trade_time.CopyFrom(timestamp_of(at))
    return message


def _text_of(number: object) -> str:
    return number if isinstance(number, str) else format(number, "f")
