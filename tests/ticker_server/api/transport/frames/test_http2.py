"""HTTP/2 on one connection: what each frame does, and what must not come."""

from __future__ import annotations

from tests.support.frames_rig import Http2Rig


def test_settings_are_acknowledged_before_they_are_used() -> None:
    """The acknowledgement of a larger window goes before the DATA that it lets go."""
    rig = Http2Rig()
    rig.begin({4: 0})
    stream = rig.open()
    stream.on_writable = lambda: stream.send((b"new",))
    assert not stream.writable
    rig.receive(rig.client.settings({4: 100}))

    assert [said[0] for said in rig.said()] == ["SETTINGS ACK", "DATA"]
