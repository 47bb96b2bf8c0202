"""The send windows of HTTP/2 and the sink above them, against a client that holds the server to every byte."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.http2.enforcing_client import EnforcingClient
from tests.support.http2.flow_world import FlowWorld
from tests.support.http2.listeners import memory_link
from tests.support.http2.push_methods import Pushes
from tests.support.http2.wire_frames import Setting

LARGEST_WINDOW = 70_000
LARGEST_SIZE = 100_000
MOST_STREAMS = 6
EXAMPLES = 300
ALL = -1
"""Which watches a message is for: every one."""


@dataclass(frozen=True)
class Step:
    """Something that happens: a method of the world and its arguments."""

    what: str
    arguments: Sequence[object] = ()


def step(what: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    """Return the steps that call a method of the world."""
    return st.builds(Step, st.just(what), st.tuples(*arguments))


sizes = st.one_of(st.integers(8, 64), st.integers(8, 5_000), st.integers(16_000, 20_010), st.integers(8, LARGEST_SIZE))
narrow = st.one_of(st.integers(0, 64), st.integers(0, 5_000), st.integers(0, LARGEST_WINDOW))
wide = st.integers(20_000, LARGEST_WINDOW)
credits_ = st.one_of(st.integers(1, 64), st.integers(1, 5_000), st.integers(1, LARGEST_WINDOW))
counts = st.one_of(st.integers(1, 50), st.integers(1, 20_000))
picks = st.integers(0, 5)
cuts = st.lists(st.integers(0, LARGEST_SIZE), max_size=4)


def steps(windows: st.SearchStrategy[int]) -> st.SearchStrategy[Step]:
    """Return what may happen, for a peer that gives its streams such windows."""
    to_some = step("publish", sizes, cuts, st.integers(1, 63))
    to_all = step("publish", sizes, st.just([]), st.just(63))
    return st.one_of(
        *(to_some, to_some, to_some, to_all, to_all),
        step("open"),
        step("reset", picks),
        step("end", picks, st.one_of(st.just(0), sizes)),
        step("credit", picks, credits_),
        step("credit_connection", credits_),
        step("set", windows, st.integers(16_384, 20_000)),
        step("carry_to_server", counts),
        step("carry_to_client", counts),
        *(step("stop", st.one_of(st.just(0), counts)), step("flow")),
        *(step("settle"), step("settle")),
    )


def scripts(windows: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, list[Step]]]:
    """Return a first window, and all that happens after it."""
    return st.tuples(windows, st.lists(steps(windows), min_size=20, max_size=80))


@settings(max_examples=EXAMPLES)
@given(
    direct=st.booleans(),
    streams=st.integers(1, 4),
    credit=st.sampled_from([1, 1_000_000]),
    script=st.one_of(scripts(narrow), scripts(wide)),
)
async def test_every_stream_gets_its_messages_in_order_and_the_newest_last(
    *, direct: bool, streams: int, credit: int, script: tuple[int, list[Step]]
) -> None:
    """Whatever a peer does with its windows, no byte exceeds them, none waits in vain, and each stream is whole."""
    window, happening = script
    world = await world_of(MOST_STREAMS, window=window, credit=credit, direct=direct, opened=streams)
    for each in happening:
        await play(world, each)
    await world.come_to_the_end()


async def play(world: FlowWorld, what: Step) -> None:
    """Let one thing happen."""
    done = getattr(world, what.what)(*what.arguments)
    if asyncio.iscoroutine(done):
        await done


async def world_of(
    streams: int, *, window: int, credit: int, direct: bool = False, opened: int | None = None
) -> FlowWorld:
    """Return a connection of up to so many watches, all of them opened unless there is another number.

    Where it is direct, the server writes to the socket itself what that takes.
    """
    pushes = Pushes()
    link = memory_link(pushes, EnforcingClient({Setting.INITIAL_WINDOW_SIZE: window}), direct=direct)
    await link.settle()
    world = FlowWorld(pushes, link, most_streams=streams)
    world.credit_connection(credit)
    for _ in range(streams if opened is None else opened):
        world.open()
    await world.settle()
    return world


async def test_a_connection_window_is_shared_fairly() -> None:
    """Streams that share a window too small for all of them get the same part of it."""
    world = await world_of(20, window=1_000_000, credit=1)
    for _ in range(400):
        world.publish(995, [], ALL)
        world.credit_connection(1_000)
        await world.settle()

    counts = [len(stream.messages) for stream in world.streams]
    assert min(counts) >= max(counts) - 1
    await world.come_to_the_end()


@pytest.mark.parametrize("direct", [False, True])
async def test_a_network_that_takes_nothing_is_given_little(*, direct: bool) -> None:
    """While the network takes nothing, the output's limit and one more message wait, whatever is published."""
    world = await world_of(50, window=1_000_000, credit=100_000_000, direct=direct)
    world.stop()
    for _ in range(100):
        world.publish(5_000, [], ALL)
        await world.settle()
    assert world.link.transport.most_waiting < 65_536 + 2 * 5_014
    assert sum(len(watch.sent) for watch in world.pushes.open) < 20

    world.flow()
    await world.settle()
    assert all(watch.pulls == 1 for watch in world.pushes.open)
    await world.come_to_the_end()


async def test_credit_of_one_stream_is_no_business_of_the_others() -> None:
    """Streams without a window are called when they get one, and not when the connection or another stream does."""
    world = await world_of(10, window=0, credit=1_000_000)
    for _ in range(50):
        world.publish(1_000, [], ALL)
        world.credit_connection(1_000)
        world.credit(0, 1_000)
        await world.settle()

    first, *others = (world.watch_of(stream) for stream in world.streams)
    assert first is not None
    assert first.sent
    assert all(watch is not None and not watch.sent and not watch.pulls for watch in others)
    await world.come_to_the_end()


async def test_a_window_below_zero_is_paid_back_first() -> None:
    """A stream whose window became negative sends nothing until credit has made it positive again."""
    world = await world_of(1, window=10_000, credit=1)
    (stream,) = world.streams
    world.publish(9_000, [], ALL)
    await world.settle()
    world.set(100, 16_384)
    await world.settle()
    owed = -world.link.client.stream_window(stream)
    assert owed > 8_000
    world.publish(50, [], ALL)
    world.credit(0, owed)
    await world.settle()
    assert len(stream.messages) == 1

    world.credit(0, 1)
    await world.settle()
    assert world.link.client.stream_window(stream) == 0
    await world.come_to_the_end()
