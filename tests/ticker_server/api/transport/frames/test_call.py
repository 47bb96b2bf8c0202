"""One call: its handler, and how that ends the stream."""

from __future__ import annotations

from google.rpc import code_pb2

from tests.support.frames_calls import calling


async def test_answer_ends_the_call() -> None:
    """What a handler of one answer returns is the answer, and the call ends with OK."""

    async def answer(request: bytes, _call: object) -> bytes:
        return request.upper()

    async with calling(answer) as rig:
        reply = await rig.call(1, b"abc")

    assert (reply.messages, reply.code) == ([b"ABC"], code_pb2.OK)
