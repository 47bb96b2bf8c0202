"""Catalog changes as records of the topic."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sample_changes import added, changes, listed
from ticker_server.feed.kafka.change_records import (
    MAX_VALUE_BYTES,
    ChangeRecord,
    decode_change,
    encode_change,
)
from ticker_server.model.acceptance import Reason
from ticker_server.model.change import (
    Change,
    StockCreated,
    StockDeleted,
    StockRenamed,
    SubscriptionRemoved,
    UserDeleted,
)
from ticker_server.model.partition import home_partition
from ticker_server.model.stock import Stock

SUBSCRIPTION = encode_change(added("ana", "AAPL", 7))
STOCK = encode_change(StockCreated(Stock("AAPL", "Apple", "USD", 3, 41, "e5"), 8))
EXAMPLES: dict[bytes, Change] = {
    b"subscription_changed": added("ana", "AAPL", 7),
    b"subscription_removed": SubscriptionRemoved("ana", "AAPL", 7),
    b"user_deleted": UserDeleted("ana", 7),
    b"stock_created": listed("AAPL", 7),
    b"stock_renamed": StockRenamed(Stock("AAPL", "Apple", "USD", 3), 7),
    b"stock_deleted": StockDeleted("AAPL", 7),
}


def headers(record: ChangeRecord, **other: bytes) -> list[tuple[str, bytes]]:
    """Return the headers of a record, some of them replaced."""
    return list((dict(record.headers) | other).items())


def without(record: ChangeRecord, name: str) -> list[tuple[str, bytes]]:
    """Return the headers of a record but one."""
    return [header for header in record.headers if header[0] != name]


@given(changes)
def test_change_comes_back(change: Change) -> None:
    """Every change comes back from its record as it was."""
    record = encode_change(change)

    assert decode_change(record.key, record.value, record.headers) == change


@given(st.binary(), st.none() | st.binary(), st.lists(st.tuples(st.sampled_from(["kind", "revision"]), st.binary())))
def test_any_bytes_are_a_change_or_have_a_reason(
    key: bytes, value: bytes | None, some_headers: list[tuple[str, bytes]]
) -> None:
    """No record makes the reader fail."""
    assert isinstance(decode_change(key, value, some_headers), Reason)


@given(st.sampled_from([SUBSCRIPTION, STOCK]), st.binary(max_size=200))
def test_any_value_is_a_change_or_has_a_reason(record: ChangeRecord, value: bytes) -> None:
    """No value makes the reader fail, even with the right key and headers."""
    assert isinstance(decode_change(record.key, value, record.headers), Reason | Change)  # type: ignore[arg-type]


def test_each_kind_of_change_has_a_name_of_its_own() -> None:
    """The name of the change stands in the header, and no kind is forgotten."""
    assert {type(example) for example in EXAMPLES.values()} == set(get_args(Change))
    assert {kind: dict(encode_change(example).headers)["kind"] for kind, example in EXAMPLES.items()} == {
        kind: kind for kind in EXAMPLES
    }


def test_keys_name_what_changed() -> None:
    """A subscription has the key user/stock, a user the key user/ and a stock the key /stock."""
    assert [encode_change(example).key for example in EXAMPLES.values()] == [
        b"ana/AAPL",
        b"ana/AAPL",
        b"ana/",
        b"/AAPL",
        b"/AAPL",
        b"/AAPL",
    ]


def test_what_ends_is_a_tombstone() -> None:
    """What is removed or deleted has no value, so that compaction lets go of its key."""
    ended = {kind for kind, example in EXAMPLES.items() if encode_change(example).value is None}

    assert ended == {b"subscription_removed", b"user_deleted", b"stock_deleted"}


def test_headers_carry_what_the_message_lacks() -> None:
    """The revision stands in each record, and what is hidden of a stock in those of stocks."""
    assert dict(STOCK.headers) == {
        "kind": b"stock_created",
        "revision": b"8",
        "hidden_through": b"41",
        "hidden_epoch": b"e5",
    }


@pytest.mark.parametrize("partitions", [1, 4, 32])
def test_partition_is_the_home_of_the_user(partitions: int) -> None:
    """All changes of a user have one partition, and all changes of stocks too."""
    of_user = {encode_change(EXAMPLES[kind]).partition(partitions) for kind in list(EXAMPLES)[:3]}
    of_stocks = {encode_change(EXAMPLES[kind]).partition(partitions) for kind in list(EXAMPLES)[3:]}

    assert of_user == {home_partition("ana", partitions)}
    assert of_stocks == {home_partition("", partitions)}


@pytest.mark.parametrize(
    "key",
    [None, b"", b"/", b"ana", b"ana/AAPL/X", b"ana/aapl", b"-ana/AAPL", b"\xff/AAPL", b"ana/MSFT", b"bo/AAPL"],
)
def test_wrong_key_is_told(key: bytes | None) -> None:
    """A key that names nothing, or something else than the value, is not believed."""
    assert decode_change(key, SUBSCRIPTION.value, SUBSCRIPTION.headers) is Reason.WRONG_KEY


def test_wrong_key_of_a_stock_is_told() -> None:
    """A stock under another's key is not believed."""
    assert decode_change(b"/MSFT", STOCK.value, STOCK.headers) is Reason.WRONG_KEY


@pytest.mark.parametrize(
    "spoiled",
    [
        without(SUBSCRIPTION, "kind"),
        without(SUBSCRIPTION, "revision"),
        headers(SUBSCRIPTION, kind=b"subscription_split"),
        headers(SUBSCRIPTION, kind=b"subscription_removed"),
        headers(SUBSCRIPTION, kind=b"stock_created"),
        headers(SUBSCRIPTION, revision=b"8"),
        headers(SUBSCRIPTION, revision=b"0"),
        headers(SUBSCRIPTION, revision=b"-7"),
        headers(SUBSCRIPTION, revision=b" 7"),
        headers(SUBSCRIPTION, revision=b"\xd9\xa7"),
        headers(SUBSCRIPTION, revision=b"9223372036854775808"),
    ],
)
def test_spoiled_headers_are_told(spoiled: list[tuple[str, bytes]]) -> None:
    """Headers that do not fit the record, or are no headers of ours, make it malformed."""
    assert decode_change(SUBSCRIPTION.key, SUBSCRIPTION.value, spoiled) is Reason.MALFORMED


@pytest.mark.parametrize(
    "spoiled",
    [
        without(STOCK, "hidden_through"),
        headers(STOCK, hidden_through=b"x"),
        headers(STOCK, hidden_epoch=b"\xff"),
        headers(STOCK, hidden_epoch=b"e" * 65),
    ],
)
def test_spoiled_headers_of_a_stock_are_told(spoiled: list[tuple[str, bytes]]) -> None:
    """Without its headers a stock is not whole."""
    assert decode_change(STOCK.key, STOCK.value, spoiled) is Reason.MALFORMED


@pytest.mark.parametrize("kind", [b"subscription_removed", b"user_deleted", b"stock_deleted"])
def test_tombstone_with_a_value_is_told(kind: bytes) -> None:
    """What says that something ended has no value."""
    record = encode_change(EXAMPLES[kind])

    assert decode_change(record.key, b"", record.headers) is Reason.MALFORMED


@pytest.mark.parametrize("kind", [b"subscription_removed", b"user_deleted", b"stock_deleted"])
def test_tombstone_without_a_number_is_told(kind: bytes) -> None:
    """Revisions begin at 1: a tombstone that has none, or 0, is not one of ours."""
    record = encode_change(EXAMPLES[kind])

    assert decode_change(record.key, None, without(record, "revision")) is Reason.MALFORMED
    assert decode_change(record.key, None, headers(record, revision=b"0")) is Reason.MALFORMED


@pytest.mark.parametrize("record", [SUBSCRIPTION, STOCK])
def test_other_bytes_are_told(record: ChangeRecord) -> None:
    """A value that is no message is malformed, and so is none."""
    assert decode_change(record.key, b"\xff\xff", record.headers) is Reason.MALFORMED
    assert decode_change(record.key, None, record.headers) is Reason.MALFORMED


def test_large_value_is_not_looked_at() -> None:
    """A value beyond the limit is refused for that alone."""
    assert decode_change(None, b"x" * (MAX_VALUE_BYTES + 1), []) is Reason.TOO_LARGE
