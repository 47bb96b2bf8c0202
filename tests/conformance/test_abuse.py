"""Peers that want to harm: each is stopped, and a good reader beside it gets every message."""

from __future__ import annotations

import asyncio
import ssl
import tracemalloc
from pathlib import Path

import pytest

from tests.support.http2.floods import FLOODS, MANY_STREAMS, Flood
from tests.support.http2.header_blocks import INDEXED_FIRST, REMEMBERED, call, literal, request_block
from tests.support.http2.listeners import running_listener
from tests.support.http2.mutated_frames import mutated
from tests.support.http2.numbered_messages import numbered
from tests.support.http2.push_methods import WATCH, Pushes
from tests.support.http2.push_reader import OPEN_WIDE, ByteByByteReader, PushReader
from tests.support.http2.raw_client import RawClient, SilentClient, connected
from tests.support.http2.scene import scene
from tests.support.http2.wire_frames import (
    PREFACE,
    Flag,
    Kind,
    Setting,
    Trouble,
    frame,
    settings,
    window_update,
)
from ticker_server.api.transport.endpoint import Tls
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.tls import server_context

pytestmark = pytest.mark.usefixtures("either_loop")

PIECES = 10_000
FUZZED = 400
FUZZED_AT_ONCE = 25
BROADCASTS = 2_000
SOON_SECONDS = 0.1
LOOK_SECONDS = 0.02


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.name)
async def test_a_flood_is_cut(flood: Flood) -> None:
    """Who sends the same cheap thing over and over is told to calm down and cut; the reader beside it misses nothing."""
    async with scene() as here, connected(here.port, RawClient) as abuser:
        await asyncio.gather(flood.run(abuser, PIECES), here.publish(20))
        await abuser.gone()

        assert abuser.terminated is Trouble.ENHANCE_YOUR_CALM
        await here.pushes.until(lambda: len(here.pushes.open) == 1)
        assert here.pushes.opened < PIECES / 10


async def test_streams_above_the_limit_are_refused_then_cut() -> None:
    """A stream above the limit is refused alone; who goes on opening more is cut."""
    async with scene(Limits(max_streams=50)) as here, connected(here.port, RawClient) as abuser:
        await MANY_STREAMS.run(abuser, PIECES)
        await abuser.gone()

        refused = {each.stream_id for each in abuser.all(Kind.RST_STREAM) if each.number == Trouble.REFUSED_STREAM}
        assert min(refused) == 2 * 50 + 1
        assert abuser.terminated is Trouble.ENHANCE_YOUR_CALM


async def test_a_header_bomb_does_not_go_off() -> None:
    """A header block of kilobytes that stands for megabytes ends its connection before they are made."""
    bomb = request_block(WATCH) + literal("x", 3_900 * "y", REMEMBERED) + INDEXED_FIRST * 12_000
    async with scene() as here, connected(here.port, RawClient) as abuser:
        await abuser.fence()
        tracemalloc.start()
        try:
            abuser.send(frame(Kind.HEADERS, 1, bomb, Flag.END_HEADERS | Flag.END_STREAM))
            await abuser.gone()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert abuser.terminated is Trouble.ENHANCE_YOUR_CALM
        assert peak < 1_000_000
        assert here.pushes.opened == 1


async def test_a_closed_window_keeps_nothing_but_the_newest() -> None:
    """Of 2,000 messages for a reader without a window the server keeps one, which comes when the window opens."""
    first = PREFACE + settings({Setting.INITIAL_WINDOW_SIZE: 0}) + call(1, WATCH)
    async with scene() as here, connected(here.port, PushReader, first=first) as abuser:
        await here.pushes.until(lambda: here.pushes.opened == 2)
        await here.publish(BROADCASTS)
        await abuser.fence()
        assert abuser.numbers == []

        abuser.send(window_update(1, 70_000))
        await abuser.reaches(here.number)
        assert abuser.numbers == [here.number]


async def test_a_window_of_a_byte_gets_a_byte_at_a_time() -> None:
    """A reader that gives credit byte by byte gets its message byte by byte, and the newest after it."""
    first = PREFACE + settings({Setting.INITIAL_WINDOW_SIZE: 1}) + call(1, WATCH)
    async with scene() as here, connected(here.port, ByteByByteReader, first=first) as abuser:
        await here.pushes.until(lambda: here.pushes.opened == 2)
        await here.publish(100)
        await abuser.reaches(here.number)

        assert abuser.numbers[-1] == here.number
        assert abuser.longest == 1


@pytest.mark.parametrize("start", [b"", PREFACE[:10], PREFACE], ids=["nothing", "half", "no settings"])
async def test_who_does_not_begin_is_cut(start: bytes) -> None:
    """A connection that does not send its preface in time is closed, however slowly it goes on."""
    async with (
        scene(Limits(preface_seconds=SOON_SECONDS, look_seconds=LOOK_SECONDS)) as here,
        connected(here.port, SilentClient, first=start) as abuser,
    ):
        await abuser.gone()
        await here.alone()
        assert abuser.terminated is Trouble.ENHANCE_YOUR_CALM


async def test_who_does_not_finish_a_header_block_is_cut() -> None:
    """A header block that is not finished in time ends its connection."""
    block = frame(Kind.HEADERS, 1, request_block(WATCH), Flag.END_STREAM)
    async with (
        scene(Limits(header_block_seconds=SOON_SECONDS, look_seconds=LOOK_SECONDS)) as here,
        connected(here.port, SilentClient, first=PREFACE + settings() + block) as abuser,
    ):
        await abuser.gone()
        await here.alone()
        assert abuser.terminated is Trouble.ENHANCE_YOUR_CALM


async def test_a_header_block_that_is_too_long_is_cut() -> None:
    """A header block longer than a limit ends its connection at once, finished or not."""
    piece = literal("a", "b" * 16_000)
    async with scene() as here, connected(here.port, SilentClient) as abuser:
        abuser.send(frame(Kind.HEADERS, 1, piece), *(frame(Kind.CONTINUATION, 1, piece) for _ in range(2)))
        await abuser.gone()

        assert abuser.terminated is Trouble.ENHANCE_YOUR_CALM


async def test_who_does_not_finish_its_handshake_is_cut(pems: Path) -> None:
    """A TLS handshake that is not finished in time ends its connection; the next one succeeds."""
    server = server_context(Tls((pems / "cert.pem").read_bytes(), (pems / "key.pem").read_bytes()))
    client = ssl.create_default_context(cafile=pems / "cert.pem")
    client.set_alpn_protocols(["h2"])
    pushes = Pushes()
    limits = Limits(handshake_seconds=SOON_SECONDS)
    async with running_listener(pushes, limits, tls=server) as (listener, port):
        async with connected(port, RawClient, first=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") as abuser:
            await abuser.gone()
        async with connected(port, PushReader, first=OPEN_WIDE, tls=client) as reader:
            await pushes.until(lambda: bool(pushes.open))
            pushes.broadcast(1, [numbered(1, 100)])
            await reader.reaches(1)
            assert len(listener.connections) == 1


async def test_connections_above_the_limit_are_closed() -> None:
    """A connection above the limit is closed at once; when another one leaves there is room again."""
    async with scene(Limits(max_connections=2)) as here:
        async with connected(here.port, RawClient) as second:
            await second.fence()
            async with connected(here.port, RawClient) as third:
                await third.gone()
                assert third.received == 0
            await second.fence()
        async with connected(here.port, RawClient) as fourth:
            await fourth.fence()


async def test_fuzzed_connections_harm_nobody() -> None:
    """400 clients that send what they like leave nothing behind: no connection, no watch, no error of the loop."""
    async with scene() as here:
        for first in range(0, FUZZED, FUZZED_AT_ONCE):
            fuzzing = [fuzz(here.port, seed) for seed in range(first, first + FUZZED_AT_ONCE)]
            await asyncio.gather(*fuzzing, here.publish(5))
        await here.alone()

        assert len(here.pushes.open) == 1
        assert here.pushes.cancelled == here.pushes.begun


async def fuzz(port: int, seed: int) -> None:
    """Send what a seed says, then close the sending half and wait for the server's end."""
    async with connected(port, RawClient, first=mutated(seed)) as abuser:
        abuser.end()
        await abuser.gone()
