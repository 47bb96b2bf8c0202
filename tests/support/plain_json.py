"""Records as lines of JSON, and back: what was recorded of a run outlives the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from ticker.v1 import tick_pb2

from tests.support.history import Begun, Seen
from tests.support.validators import Answer, Row
from ticker_client import Position, PublishOutcome, Resume, Update, UpdateKind, events
from ticker_client.instants import timestamp_of
from ticker_server.model.tick import AcceptedTick

EVENTS = [found for found in vars(events).values() if isinstance(found, type)]
NAMED = {
    each.__name__: each for each in [*EVENTS, Resume, Position, PublishOutcome, Begun, Seen, Answer, Row, AcceptedTick]
}
"""Every type that may stand in a record, by its name."""
MICROSECOND = timedelta(microseconds=1)


def write_lines(path: Path, records: Iterable[Any]) -> None:
    """Write records, one JSON object a line."""
    path.write_text("".join(f"{json.dumps(plain(record))}\n" for record in records))


def read_lines(path: Path) -> list[Any]:
    """Return the records that `write_lines` wrote."""
    return [record(json.loads(line)) for line in path.read_text().splitlines()]


def plain(value: Any) -> Any:
    """Return a value as JSON has it: an object names its type."""
    match value:
        case Update():
            return {"is": "Update", **_plain_update(value)}
        case StrEnum():
            return {"is": type(value).__name__, "name": value.value}
        case datetime():
            return {"is": "datetime", "at": value.isoformat()}
        case timedelta():
            return {"is": "timedelta", "microseconds": value // MICROSECOND}
        case tuple() | list():
            return [plain(one) for one in value]
        case _ if is_dataclass(value):
            content = {one.name: getattr(value, one.name) for one in fields(value)}
            # Bytes are kept for speed, of what stands in the other fields already.
            kept = {name: plain(one) for name, one in content.items() if not isinstance(one, bytes)}
            return {"is": type(value).__name__, **kept}
    return value


def record(value: Any) -> Any:
    """Return what `plain` was given."""
    if isinstance(value, list):
        return tuple(record(one) for one in value)
    if not isinstance(value, dict):
        return value
    name, content = value["is"], {key: record(one) for key, one in value.items() if key != "is"}
    match name:
        case "Update":
            return _update(content)
        case "datetime":
            return datetime.fromisoformat(content["at"]).astimezone(UTC)
        case "timedelta":
            return timedelta(microseconds=content["microseconds"])
    kind = NAMED[name]
    return kind(content["name"]) if issubclass(kind, StrEnum) else kind(**content)


def _plain_update(update: Update) -> dict[str, Any]:
    return {
        "stock_id": update.stock_id,
        "price": update.price_text,
        "size": update.size_text,
        "sequence": update.sequence,
        "tick_number": update.tick_number,
        "trade_time": update.trade_time_ns,
        "accept_time": update.accept_time_ns,
        "kind": update.kind.value,
        "superseded": update.superseded,
        "sent_time": update.sent_time_ns,
    }


def _update(content: dict[str, Any]) -> Update:
    message = tick_pb2.StockUpdate(
        trade_time=timestamp_of(content["trade_time"]),
        accept_time=timestamp_of(content["accept_time"]),
        **{name: content[name] for name in ("stock_id", "price", "size", "sequence", "tick_number")},
    )
    return Update(message, UpdateKind(content["kind"]), content["superseded"], content["sent_time"])
