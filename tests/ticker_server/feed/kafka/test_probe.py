"""The probe: asks a log again and again, and says when it last answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from tests.support.virtual_clock import VirtualClock
from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.offsets import END, LogReplaced, Question
from ticker_server.feed.kafka.probe import Probe


class Leaders:
    """Leaders that answer as they are told to; `asked` counts."""

    def __init__(self, clock: VirtualClock) -> None:
        self.asked = 0
        self.failure: Exception | None = None
        self._clock = clock
        self._changed = asyncio.Event()

    async def ask(self, question: Question, partitions: Sequence[int], *, seconds: float = 5.0) -> dict[int, int]:
        """Return an end for each partition."""
        assert question is END
        assert seconds < 3
        self.asked += 1
        self._clock.advance(1)
        self._changed.set()
        if self.failure is not None:
            raise self.failure
        return {partition: 100 + partition for partition in partitions}

    async def until_asked(self, count: int) -> None:
        """Wait until they were asked so often."""
        async with asyncio.timeout(5):
            while self.asked < count:
                self._changed.clear()
                await self._changed.wait()


class Rig:
    """A probe that runs, and what it has noted."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.started = self.clock.wall()
        self.leaders = Leaders(self.clock)
        self.noted: list[tuple[int, Mapping[int, int]]] = []
        self.probe = Probe("t.prices", 2, self.leaders, self.clock, self._note)  # type: ignore[arg-type]
        self.running = asyncio.ensure_future(self.probe.run())

    async def _note(self, asked: int, ends: Mapping[int, int]) -> None:
        self.noted.append((asked, ends))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Run a probe."""
    made = Rig()
    yield made
    made.running.cancel()
    await asyncio.gather(made.running, return_exceptions=True)


async def test_ends_are_noted(rig: Rig) -> None:
    """What leaders say is noted with the time at which they were asked, and when they answered is known."""
    await rig.leaders.until_asked(2)

    assert rig.noted[0] == (rig.started, {0: 100, 1: 101})
    assert rig.probe.answered == rig.clock.monotonic()


async def test_silence_is_told_once(rig: Rig) -> None:
    """While nobody answers `answered` stands still; that it began and that it ended is in the log once each."""
    await rig.leaders.until_asked(1)
    before = rig.probe.answered
    rig.leaders.failure = PriceLogUnavailable("away")
    with capture_logs() as lines:
        await rig.leaders.until_asked(4)
        assert rig.probe.answered == before
        rig.leaders.failure = None
        await rig.leaders.until_asked(5)
        await asyncio.sleep(0)

    assert [line["event"] for line in lines] == ["price log does not answer", "price log answers again"]
    assert rig.probe.answered > before


async def test_look_is_at_once_until_they_answer(rig: Rig) -> None:
    """Asked to look it asks at once, and looks until all have answered for the topic."""
    await rig.leaders.until_asked(1)
    await asyncio.sleep(0)
    rig.leaders.failure = PriceLogUnavailable("unknown topic")
    asked_at = asyncio.get_running_loop().time()
    rig.probe.look_now()
    await rig.leaders.until_asked(2)

    assert asyncio.get_running_loop().time() - asked_at < 0.4
    assert rig.probe.is_looking
    rig.leaders.failure = None
    await rig.leaders.until_asked(3)
    await asyncio.sleep(0)
    assert not rig.probe.is_looking


async def test_another_log_ends_it(rig: Rig) -> None:
    """A topic that is another one ends the probe."""
    rig.leaders.failure = LogReplaced("another one")

    with pytest.raises(LogReplaced):
        await asyncio.wait_for(rig.running, 5)
