"""What a peer may send and leave unread: bytes that are counted before they are kept, answers that wait."""

from __future__ import annotations

from tests.support.http2.enforcing_client import EnforcingClient
from tests.support.http2.header_blocks import call
from tests.support.http2.listeners import memory_link
from tests.support.http2.memory_link import ByteClient
from tests.support.http2.push_methods import COLLECT, ECHO, IGNORE, Pushes
from tests.support.http2.wire_frames import Kind, grpc_message, ping, window_update
from ticker_server.api.transport.frames.limits import Limits

RESOURCE_EXHAUSTED = 8
MEBIBYTE = 1024 * 1024


async def test_a_message_is_refused_by_the_length_it_announces() -> None:
    """A message that announces more than the limit is refused before it is sent."""
    link = memory_link(Pushes(), EnforcingClient())
    await link.settle()
    stream = link.client.open(COLLECT, message=None, end_stream=False)
    link.client.send(stream, grpc_message(b"", 4 * MEBIBYTE + 1))
    await link.settle()

    assert stream.status == RESOURCE_EXHAUSTED


async def test_half_messages_of_many_streams_are_limited_together() -> None:
    """Messages that are announced with 4 MiB and never finished are refused above a limit of all streams together."""
    link = memory_link(Pushes(), EnforcingClient(), Limits(max_request_bytes=2 * MEBIBYTE))
    await link.settle()
    streams = [link.client.open(COLLECT, message=None, end_stream=False) for _ in range(100)]
    for stream in streams:
        link.client.send(stream, grpc_message(b"", 4 * MEBIBYTE))
    for _ in range(20):
        for stream in streams:
            if not stream.over and (room := link.client.may_send(stream)):
                link.client.send(stream, bytes(min(10_000, room)))
        await link.settle()

    refused = [stream for stream in streams if stream.over]
    assert all(stream.status == RESOURCE_EXHAUSTED for stream in refused)
    assert sum(stream.sent for stream in streams if not stream.over) <= 2 * MEBIBYTE
    assert len(refused) < 100
    assert link.client.terminated is None


async def test_messages_that_nobody_reads_get_no_credit() -> None:
    """A caller that sends to a handler which does not read is stopped by its window."""
    link = memory_link(Pushes(), EnforcingClient())
    await link.settle()
    stream = link.client.open(IGNORE, message=None, end_stream=False)
    message = grpc_message(bytes(10_000))
    for _ in range(1_000):
        while link.client.may_send(stream) >= len(message):
            link.client.send(stream, message)
        await link.settle()

    assert stream.sent < MEBIBYTE
    assert link.client.may_send(stream) < len(message)


async def test_answers_that_nobody_reads_stop_the_requests() -> None:
    """A peer that asks and PINGs without reading is not read any more; once it reads it has all its answers."""
    link = memory_link(Pushes(), ByteClient())
    link.client.send(window_update(0, 100 * MEBIBYTE))
    await link.settle()
    link.transport.stop()
    asked = 5_000
    for number in range(asked):
        link.client.send(call(2 * number + 1, ECHO, bytes(1_000)), ping())
        await link.carry_to_server(1 << 30)
    assert link.transport.most_waiting < MEBIBYTE
    assert link.transport.unread > MEBIBYTE

    link.transport.flow()
    await link.settle()
    answers = [each for each in link.client.all(Kind.DATA) if each.payload == grpc_message(bytes(1_000))]
    assert len(answers) == asked
    assert link.client.terminated is None
