"""How a catalog change stands in the topic `<prefix>.subscriptions`, both ways. Pure.

The topic is compacted: the last record of a key is the state of what the key names.

| key | value | no value (tombstone) |
| --- | --- | --- |
| `user_id/stock_id` | the subscription, `ticker.v1.Subscription` | the user follows the stock no longer |
| `/stock_id` | the stock, `ticker.v1.Stock` | the stock is deleted, and with it all its subscriptions |
| `user_id/` | - | the user is deleted, and with it all its subscriptions |

Headers, each a text: `kind` is the name of the change; `revision` its number, which is above that of every earlier
change of the same user or stock; a stock has `hidden_through` and `hidden_epoch`, up to where its ticks belong to a
former life. `open_now` and `next_open_time` of a subscription depend on the time of asking, and are not set.

The partition is the home partition of the user id, or of the empty text for stocks: changes of one user stay in order,
and so do changes of stocks. Between partitions there is no order but that of the revisions.

Whoever reads the topic must know three things:

* A record may come again, and then stands behind newer ones. Of a key, the record with the highest revision counts.
* The end of a stock is one record, and its subscriptions get no tombstones. So a subscription counts only while its
  stock is listed, and only if it was not made before it (`create_time`): it is of the stock's former life otherwise.
* The end of a user is one record too: it ends all keys `user_id/...` of lower revisions. Compaction keeps these, but
  removes the tombstone that ended them after `delete.retention.ms`, a day. Who begins to read at the beginning later
  than that must ask the database which users there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from ticker_server.feed.kafka.change_messages import (
    stock_from,
    stock_value,
    subscription_from,
    subscription_value,
)
from ticker_server.model.acceptance import Reason
from ticker_server.model.change import (
    Change,
    StockCreated,
    StockDeleted,
    StockRenamed,
    SubscriptionChanged,
    SubscriptionRemoved,
    UserDeleted,
)
from ticker_server.model.partition import home_partition
from ticker_server.model.stock import STOCK_ID, USER_ID, Stock
from ticker_server.model.subscription import Subscription

__all__ = ["MAX_VALUE_BYTES", "ChangeRecord", "decode_change", "encode_change"]

MAX_VALUE_BYTES = 4096
"""A subscription or stock needs far less; a larger value is skipped unread."""

_NUMBER = re.compile(rb"[0-9]{1,19}")
_HIGHEST = 2**63 - 1
_MAX_EPOCH_LENGTH = 64

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A record of the topic. No value is a tombstone."""

    key: bytes
    value: bytes | None
    headers: Headers

    def partition(self, partitions: int) -> int:
        """Return the partition that the record belongs to, of so many."""
        return home_partition(self.key.decode().partition("/")[0], partitions)


class _WrongKey(ValueError):
    """A record's key is not that of its change."""


def encode_change(change: Change) -> ChangeRecord:
    """Return the record of a change."""
    match change:
        case StockCreated(stock=stock):
            return _stock_record("stock_created", stock, change.revision)
        case StockRenamed(stock=stock):
            return _stock_record("stock_renamed", stock, change.revision)
        case StockDeleted(stock_id=stock_id):
            return _record("stock_deleted", "", stock_id, change.revision)
        case SubscriptionChanged(subscription=subscription):
            ids, value = (subscription.user_id, subscription.stock_id), subscription_value(subscription)
            return _record("subscription_changed", *ids, change.revision, value=value)
        case SubscriptionRemoved(user_id=user_id, stock_id=stock_id):
            return _record("subscription_removed", user_id, stock_id, change.revision)
        case UserDeleted(user_id=user_id):
            return _record("user_deleted", user_id, "", change.revision)


def decode_change(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> Change | Reason:
    """Return the change that a record stands for, or why it is none."""
    if value is not None and len(value) > MAX_VALUE_BYTES:
        return Reason.TOO_LARGE
    try:
        return _change(key, value, dict(headers))
    except _WrongKey:
        return Reason.WRONG_KEY
    except (ValueError, DecodeError):
        return Reason.MALFORMED


def _stock_record(kind: str, stock: Stock, revision: int) -> ChangeRecord:
    hidden = (("hidden_through", b"%d" % stock.hidden_through), ("hidden_epoch", stock.hidden_epoch.encode()))
    return _record(kind, "", stock.stock_id, revision, value=stock_value(stock), more=hidden)


def _record(
    kind: str, user_id: str, stock_id: str, revision: int, *, value: bytes | None = None, more: Headers = ()
) -> ChangeRecord:
    headers = (("kind", kind.encode()), ("revision", b"%d" % revision), *more)
    return ChangeRecord(f"{user_id}/{stock_id}".encode(), value, headers)


def _change(key: bytes | None, value: bytes | None, headers: Mapping[str, bytes]) -> Change:
    user_id, stock_id = _ids(key)
    revision = _number(headers, "revision")
    if revision == 0:
        raise ValueError("the revision is 0")
    match (headers.get("kind"), user_id != "", stock_id != "", value):
        case (b"subscription_changed", True, True, bytes(value)):
            return SubscriptionChanged(_subscription(value, user_id, stock_id, revision))
        case (b"subscription_removed", True, True, None):
            return SubscriptionRemoved(user_id, stock_id, revision)
        case (b"user_deleted", True, False, None):
            return UserDeleted(user_id, revision)
        case (b"stock_created", False, True, bytes(value)):
            return StockCreated(_stock(value, stock_id, headers), revision)
        case (b"stock_renamed", False, True, bytes(value)):
            return StockRenamed(_stock(value, stock_id, headers), revision)
        case (b"stock_deleted", False, True, None):
            return StockDeleted(stock_id, revision)
        case _:
            raise ValueError("there is no change of this kind with such a key and value")


def _ids(key: bytes | None) -> tuple[str, str]:
    """Return the user id and the stock id of a key; one of them may be empty."""
    try:
        user_id, slash, stock_id = (key or b"").decode().partition("/")
    except UnicodeDecodeError:
        raise _WrongKey from None
    well_formed = (not user_id or USER_ID.fullmatch(user_id)) and (not stock_id or STOCK_ID.fullmatch(stock_id))
    if not slash or not (user_id or stock_id) or not well_formed:
        raise _WrongKey
    return user_id, stock_id


def _subscription(value: bytes, user_id: str, stock_id: str, revision: int) -> Subscription:
    subscription = subscription_from(value)
    if (subscription.user_id, subscription.stock_id) != (user_id, stock_id):
        raise _WrongKey
    if subscription.revision != revision:
        raise ValueError("the subscription has another revision than its record")
    return subscription


def _stock(value: bytes, stock_id: str, headers: Mapping[str, bytes]) -> Stock:
    hidden_epoch = headers.get("hidden_epoch", b"").decode()
    if len(hidden_epoch) > _MAX_EPOCH_LENGTH:
        raise ValueError("the epoch is too long")
    stock = stock_from(value, _number(headers, "hidden_through"), hidden_epoch)
    if stock.stock_id != stock_id:
        raise _WrongKey
    return stock


def _number(headers: Mapping[str, bytes], name: str) -> int:
    """Return a header that is a whole number, 0 or more, within 63 bits."""
    text = headers.get(name, b"")
    number = int(text) if _NUMBER.fullmatch(text) else -1
    if not 0 <= number <= _HIGHEST:
        raise ValueError(f"{name} is no number")
    return number
