"""A stream of prices that a program publishes, and what it was told became of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from tests.support.deployments import until
from tests.support.validators import Answer
from ticker_client import OutcomeUnknown, PublishOutcome, PublishResult, Tick, TickerClient, TickerError, Update
from ticker_client.publisher import Publisher, Retry

PAUSE_SECONDS = 0.03
AGAIN_SECONDS = 0.2
CALL_TIMEOUT = timedelta(seconds=10)


class Quotes:
    """Publishes one price after the other for each of some stocks; what was not acknowledged is published again first.

    Each price comes once: its digits say which it is.
    """

    def __init__(self, publisher: Publisher, stock_ids: Sequence[str], mark: int) -> None:
        self.accepted: list[tuple[str, str]] = []
        """Stock and price of what was answered ACCEPTED (or DUPLICATE, for what was sent again)."""
        self.answers: list[Answer] = []
        """What was told of each tick, each time it was sent; UNKNOWN where there was no answer."""
        self.sent: dict[tuple[str, str], float] = {}
        """When each was first sent (seconds of the monotonic clock)."""
        self.troubles: list[tuple[float, str]] = []
        """When a publish came to nothing or to an UNKNOWN, and why."""
        self.longest_call = 0.0
        """The longest that one publish took, its repetitions included (seconds)."""
        self._publisher = publisher
        self._stock_ids = stock_ids
        self._mark = mark
        self._count = 0

    def sent_at(self, update: Update) -> float:
        """Return when an update's price was first sent; 0 if it was not by this publisher."""
        return self.sent.get((update.stock_id, update.price_text), 0.0)

    async def run(self, stop: asyncio.Event, pause: float = PAUSE_SECONDS) -> None:
        """Publish until asked to stop, and until everything is acknowledged then."""
        while not stop.is_set():
            await self.publish_one_each()
            await asyncio.sleep(pause)

    async def go_on(self, count: int) -> None:
        """Wait until so many more are acknowledged."""
        enough = len(self.accepted) + count
        await until(lambda: len(self.accepted) >= enough, "prices flow")

    async def publish_one_each(self) -> None:
        """Publish one price for each stock, until all are acknowledged."""
        self._count += 1
        ticks = [Tick(stock_id, f"{self._count}.{self._mark}") for stock_id in self._stock_ids]
        for tick in ticks:
            self.sent[tick.stock_id, str(tick.price)] = time.monotonic()
        while ticks:
            ticks = await self._attempt(ticks)
            if ticks:
                await asyncio.sleep(AGAIN_SECONDS)

    async def _attempt(self, ticks: list[Tick]) -> list[Tick]:
        """Publish ticks, and return those to publish again."""
        began = time.monotonic()
        try:
            results = await self._publisher.publish(ticks)
        except OutcomeUnknown as error:
            return self._note(ticks, list(error.results))
        except TickerError as error:
            if not error.retryable:
                raise
            self.troubles.append((time.monotonic(), error.reason))
            self._answered(ticks, [PublishResult(PublishOutcome.UNKNOWN)] * len(ticks))
            return list(self._publisher.unconfirmed)
        finally:
            self.longest_call = max(self.longest_call, time.monotonic() - began)
        return self._note(ticks, results)

    def _answered(self, ticks: list[Tick], results: list[PublishResult]) -> None:
        now = time.monotonic()
        for tick, result in zip(ticks, results, strict=True):
            self.answers.append(Answer(now, tick.stock_id, str(tick.price), result.outcome, result.sequence))

    def _note(self, ticks: list[Tick], results: list[PublishResult]) -> list[Tick]:
        self._answered(ticks, results)
        for tick, result in zip(ticks, results, strict=True):
            if result.outcome is PublishOutcome.UNKNOWN:
                self.troubles.append((time.monotonic(), "UNKNOWN"))
            else:
                self.accepted.append((tick.stock_id, str(tick.price)))
        return list(self._publisher.unconfirmed)


@asynccontextmanager
async def quoting(
    target: str, stock_ids: Sequence[str], mark: int, *, pause: float = PAUSE_SECONDS, retry: Retry | None = None
) -> AsyncIterator[Quotes]:
    """Publish through a gateway until the end of the block; then everything is acknowledged. `mark` is a digit.

    `retry` is how often the publisher itself sends what was not acknowledged, before it says so.
    """
    stop = asyncio.Event()
    async with TickerClient(target, timeout=CALL_TIMEOUT) as client:
        publisher = Publisher(client._publish, f"quotes-{mark}", retry=retry)
        quotes = Quotes(publisher, stock_ids, mark)
        running = asyncio.create_task(quotes.run(stop, pause))
        try:
            yield quotes
            stop.set()
            async with asyncio.timeout(30):
                await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
