"""When a watch comes back, and after which pause."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_client.errors import (
    ClientMisused,
    HeartbeatMissed,
    Internal,
    InvalidArgument,
    LimitExceeded,
    NotBuilt,
    NotFound,
    PermissionDenied,
    ReaderTooSlow,
    ServerUnreachable,
    TickerError,
    Unauthenticated,
    Unavailable,
    WatchBroken,
)
from ticker_client.events import Reconnected
from ticker_client.reconnection import Outage, Reconnect, is_passing

BUSY = LimitExceeded("STREAM_LIMIT", "full", code="RESOURCE_EXHAUSTED")
BUSY.retry_after = timedelta(0)
SLOW = ReaderTooSlow("READER_TOO_SLOW", "slow", code="RESOURCE_EXHAUSTED")
SLOW.retry_after = timedelta(0)


@pytest.mark.parametrize(
    "error",
    [
        *(WatchBroken("x", code=code) for code in ("UNAVAILABLE", "CANCELLED", "INTERNAL", "ABORTED", "UNKNOWN", "OK")),
        HeartbeatMissed(timedelta(seconds=15)),
        ServerUnreachable("x", reason="NOT_CONNECTED"),
        ServerUnreachable("x", code="DEADLINE_EXCEEDED"),
        Unavailable("SERVER_DRAINING", "x", code="UNAVAILABLE"),
        TickerError("ABORTED", "x", code="ABORTED"),
        BUSY,
    ],
    ids=lambda error: f"{type(error).__name__}-{error.code}",
)
def test_what_passes_is_waited_for(error: TickerError) -> None:
    """A broken connection, silence and a server that is not ready for us just now are passing."""
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        *(
            WatchBroken("x", code=code)
            for code in ("UNAUTHENTICATED", "PERMISSION_DENIED", "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED")
        ),
        Unauthenticated("TOKEN_EXPIRED", "x", code="UNAUTHENTICATED"),
        PermissionDenied("NOT_YOUR_RESOURCE", "x", code="PERMISSION_DENIED"),
        InvalidArgument("INVALID_WATCH", "x", code="INVALID_ARGUMENT"),
        NotFound("USER_NOT_FOUND", "x", code="NOT_FOUND"),
        NotBuilt("NOT_IMPLEMENTED", "x", code="UNIMPLEMENTED"),
        Internal("INTERNAL", "x", code="INTERNAL"),
        LimitExceeded("WATCH_LIMIT", "x", code="RESOURCE_EXHAUSTED"),
        SLOW,
        ClientMisused("CLIENT_CLOSED", "x"),
    ],
    ids=lambda error: f"{type(error).__name__}-{error.code}",
)
def test_what_does_not_pass_is_final(error: TickerError) -> None:
    """Refusals, bad input, faults of the server and of this program are final."""
    assert not is_passing(error)


def test_pauses_are_drawn_from_longer_and_longer_ranges() -> None:
    """The longest possible pause doubles from 200 ms up to 3 s, however many failures there were."""
    pace = Reconnect(draw=lambda shortest, longest: longest - shortest)

    assert [pace.pause(failures, None) for failures in (1, 2, 3, 5, 6, 1_000_000)] == [0.2, 0.4, 0.8, 3.0, 3.0, 3.0]


@given(st.integers(1, 100), st.floats(0, 100))
def test_pauses_are_at_least_what_the_server_asks_for(failures: int, asked: float) -> None:
    """A pause is no shorter than the server asked for, and no more than 3 s longer."""
    least = timedelta(seconds=asked)

    assert least.total_seconds() <= Reconnect().pause(failures, least) <= least.total_seconds() + 3


def test_pauses_differ() -> None:
    """By default two watches do not come back at the same moment."""
    assert len({Reconnect().pause(6, None) for _ in range(5)}) > 1


def test_an_outage_knows_how_long_it_lasted() -> None:
    """At its end an outage tells attempts, time and reason."""
    outage = Outage("HEARTBEAT_MISSED", 10.0)
    outage.attempts += 3

    assert outage.over(12.5, 4) == Reconnected(3, timedelta(seconds=2.5), "HEARTBEAT_MISSED", 4)
