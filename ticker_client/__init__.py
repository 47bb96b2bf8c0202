"""The Python SDK of the stock ticker.

`TickerClient` is where everything starts; `events`, `models` and `errors` hold what it gives, takes and raises.

Names are imported on first use, because gRPC takes a noticeable moment: the command `ticker` can be interrupted in it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ticker_client.bars import Bar, BarInterval, Bars
    from ticker_client.client import TickerClient
    from ticker_client.errors import (
        AlreadyExists,
        ClientMisused,
        FieldViolation,
        HeartbeatMissed,
        Internal,
        InvalidArgument,
        LimitExceeded,
        NotBuilt,
        NotFound,
        OutcomeUnknown,
        PermissionDenied,
        ReaderTooSlow,
        ServerUnreachable,
        TickerError,
        Unauthenticated,
        Unavailable,
        UnexpectedDuplicate,
        WatchBroken,
    )
    from ticker_client.events import (
        CaughtUp,
        Disconnected,
        Event,
        FeedChanged,
        FeedState,
        Gap,
        GapReason,
        GoAway,
        GoAwayReason,
        Heartbeat,
        LagPolicy,
        Opened,
        Reconnected,
        Refusal,
        StockChanged,
        StockDeleted,
        StockJoined,
        StockLeft,
        Update,
        UpdateKind,
        WatchedStock,
    )
    from ticker_client.models import (
        AddedStock,
        LatestPrices,
        PublishOutcome,
        PublishResult,
        RemovedStocks,
        Stock,
        StockPrice,
        Subscription,
        SubscriptionRequest,
        Tick,
        User,
        Weekday,
        Window,
    )
    from ticker_client.publisher import Publisher, Retry
    from ticker_client.reconnection import Reconnect
    from ticker_client.resume import Position, Resume
    from ticker_client.watch import Watch, WatchStatistics

__all__ = [
    "AddedStock",
    "AlreadyExists",
    "Bar",
    "BarInterval",
    "Bars",
    "CaughtUp",
    "ClientMisused",
    "Disconnected",
    "Event",
    "FeedChanged",
    "FeedState",
    "FieldViolation",
    "Gap",
    "GapReason",
    "GoAway",
    "GoAwayReason",
    "Heartbeat",
    "HeartbeatMissed",
    "Internal",
    "InvalidArgument",
    "LagPolicy",
    "LatestPrices",
    "LimitExceeded",
    "NotBuilt",
    "NotFound",
    "Opened",
    "OutcomeUnknown",
    "PermissionDenied",
    "Position",
    "PublishOutcome",
    "PublishResult",
    "Publisher",
    "ReaderTooSlow",
    "Reconnect",
    "Reconnected",
    "Refusal",
    "RemovedStocks",
    "Resume",
    "Retry",
    "ServerUnreachable",
    "Stock",
    "StockChanged",
    "StockDeleted",
    "StockJoined",
    "StockLeft",
    "StockPrice",
    "Subscription",
    "SubscriptionRequest",
    "Tick",
    "TickerClient",
    "TickerError",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedDuplicate",
    "Update",
    "UpdateKind",
    "User",
    "Watch",
    "WatchBroken",
    "WatchStatistics",
    "WatchedStock",
    "Weekday",
    "Window",
]

_HOMES = ("models", "events", "errors", "bars", "publisher", "reconnection", "resume", "watch", "client")


def __getattr__(name: str) -> Any:
    """Import a public name from the module that holds it."""
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name what is public."""
    return __all__
