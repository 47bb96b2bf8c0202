"""Calls of WatchStocks through a transport, and the watches at the other end, which a test drives."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from ticker.v1 import watch_service_pb2

__all__ = ["PATIENCE", "REQUEST", "info_of", "keep_sending", "numbered", "opened", "status_of_call", "stuck"]

REQUEST = watch_service_pb2.WatchStocksRequest(stock_ids=["AAPL"])
PATIENCE = 10


def numbered(number: int, size: int = 0) -> bytes:
    """Return a message with a number in it, of about a size."""
    return watch_service_pb2.WatchStocksResponse(
        opened=watch_service_pb2.Opened(watch_id=str(number), server_version="x" * size)
    ).SerializeToString()


def keep_sending(watch: Any, count: int, size: int = 0) -> list[int]:
    """Let a watch send so many messages, as many as it can whenever it can; return the numbers of those it sent."""
    sent: list[int] = []

    def pull() -> None:
        while len(sent) < count and watch.sink.writable:
            sent.append(len(sent))
            watch.sink.send([numbered(sent[-1], size)])

    watch.sink.on_writable = pull
    pull()
    return sent


async def opened(watches: Any) -> Any:
    """Return the next watch that is opened."""
    return await asyncio.wait_for(watches.opened.get(), PATIENCE)


async def stuck(sent: list[int], until: Any, turns: int = 2_000) -> None:
    """Wait until a reader that does not read has stopped a sender."""
    still = 0
    last = -1

    def stands_still() -> bool:
        nonlocal still, last
        still = still + 1 if len(sent) == last else 0
        last = len(sent)
        return last > 1 and still > turns

    await until(stands_still)


async def status_of_call(call: Any) -> Any:
    """Return the status with which a stream ends, with its details."""
    try:
        async with asyncio.timeout(PATIENCE):
            while await call.read() is not grpc.aio.EOF:
                pass
    except grpc.aio.AioRpcError as error:
        return rpc_status.from_call(_Ended(error))
    raise AssertionError("the stream ended with OK")


class _Ended:
    """A call that is over, as grpc-status wants it."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code
        self.details = error.details
        self.trailing_metadata = lambda: tuple(error.trailing_metadata())


def info_of(status: Any) -> error_details_pb2.ErrorInfo:
    """Return the ErrorInfo of a status."""
    info = error_details_pb2.ErrorInfo()
    (packed,) = [packed for packed in status.details if packed.Is(info.DESCRIPTOR)]
    packed.Unpack(info)
    return info
