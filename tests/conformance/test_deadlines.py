"""Deadlines as the server keeps them, whatever the client does about its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import pytest

from tests.support.interop.http_client import HttpClient, http_client, prefixed
from tests.support.interop.server import InteropServer, running_interop_server
from tests.support.interop.service import messages
from tests.support.interop.waiter import Waiter

DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
EITHER_KIND = pytest.mark.parametrize("path", [Waiter.UNARY, Waiter.STREAMING])
WAIT_SECONDS = 10.0
SLEEPY = "/grpc.testing.TestService/StreamingOutputCall"
CANCEL = 8


def sleepy_request(size: int) -> bytes:
    """Return a request for a message of so many bytes, and for another one a minute later."""
    parameters = [{"size": size}, {"interval_us": 60_000_000}]
    return prefixed(messages.StreamingOutputCallRequest(response_parameters=parameters).SerializeToString())


@pytest.fixture
async def plain() -> AsyncIterator[InteropServer]:
    """Serve in plain text."""
    async with running_interop_server() as running:
        yield running


@pytest.fixture
async def client(plain: InteropServer) -> AsyncIterator[HttpClient]:
    """Open a connection that knows nothing of deadlines."""
    async with http_client(plain.port) as opened:
        yield opened


@EITHER_KIND
async def test_server_answers_by_itself(plain: InteropServer, client: HttpClient, path: str) -> None:
    """When a deadline passes the server ends the call with DEADLINE_EXCEEDED and cancels the handler."""
    answer = await client.answer(client.ask(path, prefixed(b""), {"grpc-timeout": "50m"}))
    async with asyncio.timeout(WAIT_SECONDS):
        await plain.waiter.cancelled.wait()

    assert answer.status == DEADLINE_EXCEEDED
    assert answer.frames == ["HEADERS+END_STREAM"]


async def test_deadline_behind_messages(client: HttpClient) -> None:
    """When a deadline passes between two messages, the status comes behind the first."""
    answer = await client.answer(client.ask(SLEEPY, sleepy_request(1), {"grpc-timeout": "50m"}))

    assert answer.status == DEADLINE_EXCEEDED
    assert answer.frames == ["HEADERS", "DATA", "HEADERS+END_STREAM"]


async def test_deadline_of_a_reader_that_does_not_read(client: HttpClient) -> None:
    """When a deadline passes while a message is half sent, its stream is cut."""
    answer = await client.answer(client.ask(SLEEPY, sleepy_request(100_000), {"grpc-timeout": "50m"}))

    assert len(answer.body) == 65_535
    assert answer.reset == CANCEL


@pytest.mark.parametrize("told", ["0m", "1n", "1u", "1m"])
async def test_tiny_timeout(client: HttpClient, told: str) -> None:
    """A deadline that is over before anything could be done is answered all the same."""
    answer = await client.answer(client.ask(Waiter.UNARY, prefixed(b""), {"grpc-timeout": told}))

    assert answer.status == DEADLINE_EXCEEDED


async def test_deadline_of_an_unfinished_request(client: HttpClient) -> None:
    """The deadline of a call whose request never comes whole passes too."""
    stream = client.begin(Waiter.UNARY, {"grpc-timeout": "50m"})
    client.send(stream, prefixed(b"12345")[:-1])
    answer = await client.answer_and_echo(stream)

    assert answer.status == DEADLINE_EXCEEDED
    assert answer.frames == ["HEADERS+END_STREAM", "RST_STREAM"]


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("1H", 3_600),
        ("2M", 120),
        ("3S", 3),
        ("45000m", 45),
        ("9000000u", 9),
        ("99999999n", 0),
        ("99999999H", 359_999_996_400),
    ],
)
async def test_units(plain: InteropServer, client: HttpClient, told: str, seconds: int) -> None:
    """The handler knows until when its answer is of use, in whichever unit the client says it."""
    before = time.time_ns()
    client.ask(Waiter.UNARY, prefixed(b""), {"grpc-timeout": told})
    await client.sent()
    async with asyncio.timeout(WAIT_SECONDS):
        await plain.waiter.began.wait()

    assert plain.waiter.deadline is not None
    assert seconds <= (plain.waiter.deadline - before) / 1e9 < seconds + WAIT_SECONDS


async def test_call_without_a_deadline(plain: InteropServer, client: HttpClient) -> None:
    """A call that names no timeout has no deadline."""
    client.ask(Waiter.UNARY, prefixed(b""))
    await client.sent()
    async with asyncio.timeout(WAIT_SECONDS):
        await plain.waiter.began.wait()

    assert plain.waiter.deadline is None
