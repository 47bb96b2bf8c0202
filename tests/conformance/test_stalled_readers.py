"""A fifth of a crowd stops reading: the others do not notice, nothing is kept for it, and it wakes to the newest."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

import pytest

from tests.support.http2.header_blocks import call
from tests.support.http2.listeners import running_listener
from tests.support.http2.numbered_messages import numbered
from tests.support.http2.push_methods import WATCH, Pushes
from tests.support.http2.push_reader import OPEN_WIDE, PushReader
from tests.support.http2.raw_client import connected
from tests.support.http2.wire_frames import PREFACE, settings, window_update
from tests.support.process_figures import holdings_of

pytestmark = pytest.mark.usefixtures("either_loop")

READERS = 1_000
STALLED = 200
"""They are of two kinds, half of them each: those that leave all to the kernel, and those that give no credit."""

MESSAGE_BYTES = 8_000
MOST_UNTIL_FULL = 200
"""So many messages at most fill what a connection holds in the kernel and below its output limit."""
STILL = 5
"""For so many messages nothing more went to those that stand still: the kernel has settled."""
MORE = 20
FILES = 2 * READERS + 200
AMPLE = 10_000_000
SMALL_BUFFER = 4_096


@pytest.fixture(autouse=True)
def _many_files() -> None:
    """Allow as many open files as both ends of all connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"{FILES} open files are needed, and {hard} allowed")
    if soft != resource.RLIM_INFINITY and soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


@asynccontextmanager
async def crowd(
    port: int, count: int, *, first: bytes = OPEN_WIDE, receive_buffer: int | None = None
) -> AsyncIterator[list[PushReader]]:
    """Connect so many readers."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(connected(port, PushReader, first=first, receive_buffer=receive_buffer))
            for _ in range(count)
        ]


async def test_stalled_readers_cost_nothing_and_wake_to_the_newest() -> None:
    """Of 1,000 readers 200 stop: the others get every message, and each of the 200 is told the newest once it reads."""
    pushes = Pushes()
    narrow = PREFACE + settings() + call(1, WATCH)
    async with (
        running_listener(pushes) as (_, port),
        crowd(port, READERS - STALLED) as readers,
        crowd(port, STALLED // 2, receive_buffer=SMALL_BUFFER) as deaf,
        crowd(port, STALLED // 2, first=narrow) as poor,
    ):
        await pushes.until(lambda: len(pushes.open) == READERS)
        for reader in deaf:
            reader.stop_reading()
        full = await fill(pushes, readers)
        waiting = [watch for watch in pushes.open if watch.is_awaiting]
        sent = sum(len(watch.sent) for watch in waiting)
        before = memory()

        last = full + MORE
        await publish(pushes, range(full + 1, last + 1), readers)
        assert memory() - before < MESSAGE_BYTES * STALLED
        assert sum(len(watch.sent) for watch in waiting) == sent
        assert all(reader.numbers == list(range(1, last + 1)) for reader in readers)

        pulls = [watch.pulls for watch in waiting]
        for reader in deaf:
            reader.read_again()
        for reader in poor:
            reader.send(window_update(0, AMPLE), window_update(1, AMPLE))
        for reader in (*deaf, *poor):
            await reader.reaches(last)
        assert [watch.pulls for watch in waiting] == [before + 1 for before in pulls]
        assert all(ascending(reader.numbers) for reader in (*deaf, *poor))
        assert not pushes.faults


async def fill(pushes: Pushes, readers: Sequence[PushReader]) -> int:
    """Publish until nothing more goes to those that stand still; return how many messages that took."""
    still = 0
    for number in range(1, MOST_UNTIL_FULL):
        await publish(pushes, [number], readers)
        still = still + 1 if sum(watch.is_awaiting for watch in pushes.open) == STALLED else 0
        if still == STILL:
            return number
    raise AssertionError("readers that stand still are given more and more")


async def publish(pushes: Pushes, numbers: Iterable[int], readers: Sequence[PushReader]) -> None:
    """Broadcast messages, each when every reader has the one before."""
    for number in numbers:
        pushes.broadcast(number, (numbered(number, MESSAGE_BYTES),))
        for reader in readers:
            await reader.reaches(number)


def memory() -> int:
    """Return the memory of this process in bytes, which has the server and all readers."""
    gc.collect()
    return holdings_of(os.getpid()).memory


def ascending(numbers: Sequence[int]) -> bool:
    """Return whether each number is higher than the one before."""
    return all(one < next_one for one, next_one in pairwise(numbers))
