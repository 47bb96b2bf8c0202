"""The calls that are being answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ticker_server.api.transport.grpcio.calls import Calls

METHOD = "/ticker.v1.StockService/GetStock"


class FakeContext:
    """A context with so many seconds left."""

    def __init__(self, remaining: float | None = None) -> None:
        self.remaining = remaining

    def time_remaining(self) -> float | None:
        """Return the seconds that are left."""
        return self.remaining

    def peer(self) -> str:
        """Return an address."""
        return "ipv4:192.0.2.1:1234"


@pytest.fixture
def calls(clock: Any) -> Calls:
    """No calls yet."""
    return Calls(clock)


async def test_call_knows_its_caller(calls: Any, clock: Any) -> None:
    """A call has its peer, an id of its own, and the instant of its deadline."""
    first, second = calls.begin(METHOD, FakeContext(1.5)), calls.begin(METHOD, FakeContext())

    assert first.caller.peer == "ipv4:192.0.2.1:1234"
    assert first.caller.deadline == clock.now + 1_500_000_000
    assert second.caller.deadline is None
    assert first.caller.request_id != second.caller.request_id
    assert first.fields == {
        "method": METHOD,
        "request_id": first.caller.request_id,
        "peer": "ipv4:192.0.2.1:1234",
    }


async def test_calls_are_idle_when_the_last_has_ended(calls: Any) -> None:
    """Who waits for the calls to end waits for the tasks of all of them, and is told of each end."""
    over: list[int] = []

    async def answer(number: int, end: asyncio.Event) -> None:
        calls.begin(METHOD, FakeContext()).when_over(lambda: over.append(number))
        await end.wait()

    await calls.idle()
    ends = [asyncio.Event(), asyncio.Event()]
    answers = [asyncio.create_task(answer(number, end)) for number, end in enumerate(ends)]
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(calls.idle())

    ends[0].set()
    await answers[0]
    await asyncio.sleep(0)
    assert not waiting.done()
    assert over == [0]
    ends[1].set()
    await waiting
    await asyncio.wait(answers)

    assert over == [0, 1]
