"""Watches that resume, and what they tell."""

from __future__ import annotations

from collections.abc import Sequence

from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import FanoutRig
from tests.support.recording_sink import RecordingSink
from ticker_server.fanout.following import Following
from ticker_server.fanout.registry import ALWAYS
from ticker_server.model.schedule import Schedule
from ticker_server.model.subscription import EVERY_TICK

Response = watch_service_pb2.WatchStocksResponse
REPLAY, LIVE = watch_service_pb2.UPDATE_KIND_REPLAY, watch_service_pb2.UPDATE_KIND_LIVE
SNAPSHOT = watch_service_pb2.UPDATE_KIND_SNAPSHOT


def resumed(
    rig: FanoutRig,
    positions: dict[str, tuple[int, int]],
    *fresh: str,
    cadence: int = EVERY_TICK,
    hours: Schedule = ALWAYS,
    sink: RecordingSink | None = None,
    end_time: int | None = None,
    rereads: bool = True,
) -> RecordingSink:
    """Watch stocks from positions (sequence, tick number) on, and others afresh; the log has what memory has."""
    watch, sink = rig.register(sink, end_time=end_time)
    followings = [Following(rig.hub.quote(stock_id), cadence, hours) for stock_id in (*positions, *fresh)]
    for following in followings:
        if following.stock_id in positions:
            following.resume(*positions[following.stock_id])
    rig.registry.begin(watch, followings)
    if rereads:
        rig.reread()
    return sink


def told(messages: Sequence[Response]) -> list[tuple[str, str, int, int]]:
    """Return stock, kind or reason, and first and last number of all gaps and updates, in their order."""
    found = []
    for message in messages:
        for gap in message.gaps:
            reason = watch_service_pb2.GapReason.Name(gap.reason).removeprefix("GAP_REASON_")
            found.append((gap.stock_id, reason, gap.first_missing_tick_number, gap.last_missing_tick_number))
        kind = watch_service_pb2.UpdateKind.Name(message.kind).removeprefix("UPDATE_KIND_")
        found += [(update.stock_id, kind, update.tick_number, update.tick_number) for update in message.updates]
    return found


def replayed_count(messages: Sequence[Response]) -> int:
    """Return what the one `caught_up` says."""
    (count,) = [message.caught_up.replayed_count for message in messages if message.HasField("caught_up")]
    return count
