"""Windows over a real socket, on a virtual clock: a closed subscription gets its state, its next opening, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from ticker.v1 import watch_service_pb2

from tests.support.gateways import running_gateway
from tests.support.virtual_clock import VirtualClock, instant
from tests.support.wire import Stubs, seconds

LIVE = watch_service_pb2.UPDATE_KIND_LIVE
SNAPSHOT = watch_service_pb2.UPDATE_KIND_SNAPSHOT

ZONES = [
    ("Europe/Berlin", "2026-03-28T21:00:00+00:00", "2026-03-29T08:00:00+00:00"),  # the night summer time begins
    ("Europe/Berlin", "2026-10-24T20:00:00+00:00", "2026-10-25T09:00:00+00:00"),  # and ends
    ("America/New_York", "2026-03-08T02:00:00+00:00", "2026-03-08T14:00:00+00:00"),
    ("Australia/Lord_Howe", "2026-10-03T12:00:00+00:00", "2026-10-03T23:00:00+00:00"),  # half an hour of summer time
    ("Africa/Casablanca", "2026-02-15T00:00:00+00:00", "2026-02-15T10:00:00+00:00"),  # Ramadan: an hour back
    ("Asia/Kolkata", "2026-06-01T00:00:00+00:00", "2026-06-01T04:30:00+00:00"),
]


@pytest.mark.parametrize(("zone", "now", "opening"), ZONES)
@pytest.mark.parametrize("cadence", [{"every_tick": True}, {"frequency": seconds(5)}])
async def test_closed_subscription_gets_its_state_and_goes_live_at_the_opening(
    tmp_path: Path, zone: str, now: str, opening: str, cadence: dict[str, Any]
) -> None:
    """Outside its window a subscription gets a snapshot and the next opening, nothing LIVE, and the newest at 10:00."""
    clock = VirtualClock(now)
    async with (
        running_gateway(tmp_path / "data", clock=clock) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        stubs = Stubs(channel)
        await stubs.create("AAPL")
        await stubs.publish("AAPL", "1")
        added = await stubs.add("ana", "AAPL", time_zone=zone, **cadence)
        async with stubs.watch(user_ids=["ana"], heartbeat_interval=seconds(60)) as stream:
            await stream.caught_up()
            await stubs.publish("AAPL", "2", "3", "4")
            clock.advance_ns(instant(opening) - clock.wall() - 1)
            clock.advance_ns(1)
            clock.advance(5)
            first_live = await stream.read_until(lambda message: message.kind == LIVE)

    opened = stream.messages[0].opened.stocks[0]
    closed_heartbeats = [m.heartbeat for m in stream.messages if m.heartbeat.closed_stocks]
    gaps = [gap for message in stream.messages for gap in message.gaps]
    assert not added.subscription.open_now
    assert added.subscription.next_open_time.ToNanoseconds() == instant(opening)
    assert not opened.open_now
    assert opened.next_open_time.ToNanoseconds() == instant(opening)
    assert [update.price for message in stream.messages if message.kind == SNAPSHOT for update in message.updates] == [
        "1"
    ]
    assert {beat.next_open_time.ToNanoseconds() for beat in closed_heartbeats} == {instant(opening)}
    assert first_live.sent_time.ToNanoseconds() >= instant(opening)
    assert [(update.price, update.tick_number) for update in first_live.updates] == [("4", 4)]
    if "every_tick" in cadence:
        assert [(gap.first_missing_tick_number, gap.last_missing_tick_number, gap.reason) for gap in gaps] == [
            (2, 3, watch_service_pb2.GAP_REASON_OUTSIDE_WINDOW)
        ]
    else:
        assert not gaps


async def test_window_across_midnight_is_open_after_it(tmp_path: Path) -> None:
    """A window from 22:00 to 06:00 is open at one in the morning, closes at six, and opens again at 22:00."""
    clock = VirtualClock("2026-06-02T01:00:00+00:00")
    async with (
        running_gateway(tmp_path / "data", clock=clock) as running,
        grpc.aio.insecure_channel(running.target) as channel,
    ):
        stubs = Stubs(channel)
        await stubs.create("AAPL")
        await stubs.add("ana", "AAPL", every_tick=True, active_window={"start": "22:00", "end": "06:00"})
        async with stubs.watch(user_ids=["ana"], heartbeat_interval=seconds(60)) as stream:
            await stream.caught_up()
            await stubs.publish("AAPL", "1")
            await stream.updates(1)
            clock.advance_to("2026-06-02T06:00:00+00:00")
            await stubs.publish("AAPL", "2")
            clock.advance_to("2026-06-02T22:00:00+00:00")
            message = await stream.read_until(lambda message: message.kind == LIVE)

    assert stream.messages[0].opened.stocks[0].open_now
    assert message.sent_time.ToNanoseconds() >= instant("2026-06-02T22:00:00+00:00")
    assert [update.price for update in message.updates] == ["2"]
