"""How a call that fails is answered over grpc.aio."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import grpc
import pytest
import structlog
from google.rpc.status_pb2 import Status

from ticker_server.api.caller import Caller
from ticker_server.api.statuses import malformed_status
from ticker_server.api.transport.failures import DETAILS_KEY
from ticker_server.api.transport.grpcio.calls import Call
from ticker_server.api.transport.grpcio.failures import abort, answered
from ticker_server.errors import StockNotFound

METHOD = "/ticker.v1.StockService/GetStock"


class RecordingContext:
    """A context that remembers how it was aborted."""

    def __init__(self) -> None:
        self.aborted: list[tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]] = []

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: tuple[tuple[str, bytes], ...] = ()
    ) -> NoReturn:
        """Remember how the call is ended."""
        self.aborted.append((code, details, trailing_metadata))
        raise grpc.aio.AbortError


@pytest.fixture
def context() -> RecordingContext:
    """A context that remembers how it was aborted."""
    return RecordingContext()


@pytest.fixture
async def call(context: Any) -> Call:
    """A call in that context."""
    task = asyncio.current_task()
    assert task is not None
    return Call(METHOD, Caller(peer="ipv4:192.0.2.1:1234", request_id="r1"), context, task)


async def fail(error: BaseException) -> None:
    """Raise an error."""
    raise error


async def logged(call: Call, error: BaseException) -> list[Any]:
    """Fail a call and return what was logged."""
    with structlog.testing.capture_logs() as entries, pytest.raises(grpc.aio.AbortError):
        await answered(call, fail(error))
    return list(entries)


async def test_result_is_passed_on(call: Call, context: RecordingContext) -> None:
    """What the work returns is returned."""

    async def work() -> int:
        return 7

    assert await answered(call, work()) == 7
    assert not context.aborted


async def test_error_of_ours_is_told(call: Call, context: RecordingContext) -> None:
    """An error of our own is told with its details, and logged with the call's fields."""
    (entry,) = await logged(call, StockNotFound("AAPL"))

    ((code, message, metadata),) = context.aborted
    assert code == grpc.StatusCode.NOT_FOUND
    assert message == str(StockNotFound("AAPL"))
    assert Status.FromString(dict(metadata)[DETAILS_KEY]).message == message
    assert {name: entry[name] for name in call.fields} == call.fields


@pytest.mark.parametrize("error", [ValueError("secret"), asyncio.CancelledError("secret")])
async def test_unforeseen_error_tells_an_id_alone(call: Call, context: RecordingContext, error: BaseException) -> None:
    """What nobody foresaw is told by the id that the log has, also a cancellation that nobody asked for."""
    (entry,) = await logged(call, error)

    ((code, message, _),) = context.aborted
    assert code == grpc.StatusCode.INTERNAL
    assert entry["error_id"] in message
    assert "secret" not in message


async def test_cancelled_call_ends_as_cancelled(call: Call, context: RecordingContext) -> None:
    """When the call itself is cancelled, so is the work, and nobody is answered."""
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(answered(call, work()))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not context.aborted


async def test_failed_write_waits_for_the_cancellation(call: Call, context: RecordingContext) -> None:
    """A write that fails means that the peer is gone: the call ends as cancelled, once it is."""
    task = asyncio.ensure_future(answered(call, fail(grpc.aio.InternalError("gone"))))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not context.aborted


async def test_call_that_was_answered_is_left_alone(call: Call, context: RecordingContext) -> None:
    """An abort inside the work is not answered twice."""
    with pytest.raises(grpc.aio.AbortError):
        await answered(call, abort(context, malformed_status("ticker.v1.Stock")))  # type: ignore[arg-type]

    assert len(context.aborted) == 1


async def test_status_without_details_has_no_metadata(context: RecordingContext) -> None:
    """A status without details is told by code and message alone."""
    with pytest.raises(grpc.aio.AbortError):
        await abort(context, malformed_status("ticker.v1.Stock"))  # type: ignore[arg-type]

    assert context.aborted == [(grpc.StatusCode.INVALID_ARGUMENT, "the request is not a ticker.v1.Stock message", ())]
