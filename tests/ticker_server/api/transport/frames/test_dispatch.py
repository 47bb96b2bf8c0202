"""From requests to handlers."""

from __future__ import annotations

from google.rpc import code_pb2

from tests.support.frames_calls import calling


async def test_unknown_method_is_unimplemented() -> None:
    """A method that is not there is UNIMPLEMENTED, by its name."""
    async with calling() as rig:
        reply = await rig.call(1, b"abc", "/test.Test/Nope")

    assert reply.code == code_pb2.UNIMPLEMENTED
    assert "/test.Test/Nope" in reply.text
