"""One connection on a fake transport."""

from __future__ import annotations

from tests.support.frames_rig import ConnectionRig


def test_connection_begins_with_the_settings() -> None:
    """The server says its settings at once, without waiting for the peer."""
    rig = ConnectionRig()
    rig.connection.connection_made(rig.transport)

    assert [said[0] for said in rig.said()] == ["SETTINGS", "CREDIT"]
