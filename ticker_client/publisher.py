"""A publisher: ticks that may be sent twice and are in the price log once."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ticker.v1 import price_service_pb2 as wire
from ticker.v1 import tick_pb2

from ticker_client.errors import TickerError, UnexpectedDuplicate
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
    """How a batch is repeated whose outcome is not known."""

    attempts: int = 4
    """How often it is sent at most."""
    first_pause: timedelta = timedelta(milliseconds=200)
    """The longest pause before the second attempt; it doubles with each further one."""
    longest_pause: timedelta = timedelta(seconds=5)
    draw: Callable[[float, float], float] = random.uniform
    """Draws the pause, so that publishers do not all come back at once."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def pause(self, attempt: int, at_least: timedelta | None) -> None:
        """Wait after an attempt (1, 2 ...): a random time, and no less than the server asked for."""
        longest = min(self.first_pause * 2 ** (attempt - 1), self.longest_pause).total_seconds()
        least = min(at_least or timedelta(), self.longest_pause).total_seconds()
        await self.sleep(max(self.draw(0, longest), least))


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

        After an error, a cancellation or an outcome UNKNOWN, publish *these* to go on, before anything later of their stocks: they
        carry the sequences under which they were sent, so that none of them gets into the log twice. The original
        ticks would get new ones.
        """
        return self._unconfirmed

    async def publish(self, ticks: Sequence[Tick]) -> list[PublishResult]:
        """Publish ticks in order and return what became of each.

        More than 1000 are sent in several batches. A batch without an answer, and the ticks of one with outcome
        UNKNOWN, are repeated a few times before anything later is sent.

        Raises:
            UnexpectedDuplicate: another publisher uses the same id.
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
            return results

    def _numbered(self, tick: Tick) -> Tick:
        if tick.publisher_sequence is None:
            tick = replace(tick, publisher_sequence=self._next_sequence)
        self._next_sequence = max(self._next_sequence, (tick.publisher_sequence or 0) + 1)
        return tick

    async def _publish_batch(self, ticks: list[Tick], drawn: list[bool]) -> list[PublishResult]:
        results = [_UNKNOWN] * len(ticks)
        places = list(range(len(ticks)))
        for attempt in range(1, self._retry.attempts + 1):
            last = attempt == self._retry.attempts
            wait_for = None
            try:
                answers = await self._send_once([ticks[place] for place in places])
            except TickerError as error:
                if last or not error.retryable or error.reason == "NOT_CONNECTED":
                    raise
                wait_for = error.retry_after
            else:
                for place, answer in zip(places, answers, strict=True):
                    results[place] = _judged(answer, repeated=attempt > 1, drawn=drawn[place])
                places = [place for place in places if results[place].outcome is PublishOutcome.UNKNOWN]
            if last or not places:
                break
            await self._retry.pause(attempt, wait_for)
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
