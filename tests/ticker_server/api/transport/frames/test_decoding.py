"""Request messages out of bytes."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2
from ticker.v1 import watch_service_pb2

from ticker_server.api.transport.frames.decoding import decoded
from ticker_server.api.transport.frames.status import CallFailed


def test_message_is_read() -> None:
    """Bytes of a message are that message; no bytes are an empty one."""
    request = watch_service_pb2.WatchStocksRequest(stock_ids=["AAPL"])

    assert decoded(watch_service_pb2.WatchStocksRequest, request.SerializeToString()) == request
    assert decoded(watch_service_pb2.WatchStocksRequest, b"") == watch_service_pb2.WatchStocksRequest()


def test_other_bytes_are_the_callers_fault() -> None:
    """Bytes that are no message of the type are refused, by the type's name."""
    with pytest.raises(CallFailed, match=r"not a ticker\.v1\.WatchStocksRequest message") as raised:
        decoded(watch_service_pb2.WatchStocksRequest, b"\xff\xff\xff")

    assert raised.value.code == code_pb2.INVALID_ARGUMENT
