"""The streams of one connection: how each is opened, fed and ended."""

from __future__ import annotations

from tests.support.frames_rig import Http2Rig


def test_request_opens_a_stream() -> None:
    """A header block on a new number opens a stream, and whoever answers is told what it asks for."""
    rig = Http2Rig()
    rig.begin()
    rig.receive(rig.client.request(5, "/test.Test/Method"))
    ((stream, request),) = rig.requests

    assert (stream.id, request.path) == (5, "/test.Test/Method")
    assert list(rig.http2.streams.open) == [5]
    assert rig.http2.streams.last_id == 5
