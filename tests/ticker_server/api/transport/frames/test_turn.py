"""The end of a turn of a real loop."""

from __future__ import annotations

import asyncio
from typing import Any

from ticker_server.api.transport.frames.turn import Turn


async def test_calls_are_made_at_the_end_of_the_turn() -> None:
    """What is asked for in one turn is called after it, in the order in which it was asked for."""
    turn, made = Turn(asyncio.get_running_loop()), []
    for name in "abc":
        turn.soon(lambda name=name: made.append(name))
    assert not made

    await asyncio.sleep(0)

    assert made == ["a", "b", "c"]


async def test_what_a_call_adds_is_for_the_next_turn() -> None:
    """A call that asks for another one lets the loop have a turn in between."""
    turn, made = Turn(asyncio.get_running_loop()), []

    def again() -> None:
        made.append(len(made))
        if len(made) < 3:
            turn.soon(again)

    turn.soon(again)
    seen = []
    for _ in range(4):
        await asyncio.sleep(0)
        seen.append(len(made))

    assert seen == [1, 2, 3, 3]


async def test_failing_call_does_not_stop_the_others() -> None:
    """A call that fails is told to the loop's handler; those behind it are made."""
    loop, made = asyncio.get_running_loop(), []
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    turn = Turn(loop)
    error = ValueError("no")

    def fail() -> None:
        raise error

    turn.soon(fail)
    turn.soon(lambda: made.append("b"))
    await asyncio.sleep(0)
    turn.soon(lambda: made.append("c"))
    await asyncio.sleep(0)

    assert made == ["b", "c"]
    assert [context["exception"] for context in told] == [error]


async def test_many_calls_cost_the_loop_one() -> None:
    """All calls of a turn are one call of the loop, and each turn asks anew."""
    loop = asyncio.get_running_loop()

    class Counting:
        asked = 0

        def call_soon(self, call: Any) -> None:
            self.asked += 1
            loop.call_soon(call)

    counting = Counting()
    turn = Turn(counting)  # type: ignore[arg-type]
    for _ in range(100):
        turn.soon(lambda: None)
    assert counting.asked == 1
    await asyncio.sleep(0)
    turn.soon(lambda: None)

    assert counting.asked == 2
