"""Untold changes: merged until the reader can be told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import watch_service_pb2

from ticker_server.fanout.changes import UntoldChanges
from ticker_server.fanout.following import Following
from ticker_server.fanout.hub import Quote
from ticker_server.fanout.message import Message
from ticker_server.fanout.pieces import ChangeKind
from ticker_server.fanout.registry import ALWAYS

JOINED, CHANGED, LEFT, STOCK_DELETED = ChangeKind.JOINED, ChangeKind.CHANGED, ChangeKind.LEFT, ChangeKind.STOCK_DELETED
FOLLOWINGS = {stock_id: Following(Quote(stock_id), 1, ALWAYS) for stock_id in "ABC"}


def told(changes: UntoldChanges) -> list[tuple[str, ChangeKind]]:
    """Tell all, and return stock and kind of each change."""
    message = Message(0, 0)
    assert changes.tell(message, FOLLOWINGS, "ana")
    assert not changes
    read = watch_service_pb2.WatchStocksResponse.FromString(b"".join(message.parts))
    for change in read.changes:
        assert change.user_id == "ana"
        assert change.HasField("stock") == (change.kind in (JOINED, CHANGED))
    return [(change.stock_id, ChangeKind(change.kind)) for change in read.changes]


def test_changes_are_told_once() -> None:
    """Each change is told, and then nothing is left."""
    changes = UntoldChanges()
    changes.note_joined("A")
    changes.note_changed("B")
    changes.note_gone("C", STOCK_DELETED)

    assert {("A", JOINED), ("B", CHANGED), ("C", STOCK_DELETED)} == set(told(changes))
    assert told(changes) == []


def test_what_came_and_went_is_not_told() -> None:
    """A stock that the reader never heard of is not told to have left."""
    changes = UntoldChanges()
    changes.note_joined("A")
    changes.note_changed("A")
    changes.note_gone("A", LEFT)

    assert told(changes) == []


def test_what_joined_and_changed_joins() -> None:
    """A stock that changes before its joining was told just joins."""
    changes = UntoldChanges()
    changes.note_joined("A")
    changes.note_changed("A")

    assert told(changes) == [("A", JOINED)]


def test_what_changed_and_went_is_gone() -> None:
    """A stock that leaves before its change was told just leaves."""
    changes = UntoldChanges()
    changes.note_changed("A")
    changes.note_gone("A", LEFT)

    assert told(changes) == [("A", LEFT)]


def test_what_went_and_came_back_is_told_as_both() -> None:
    """A reader learns that a stock was deleted even if it exists again by now."""
    changes = UntoldChanges()
    changes.note_gone("A", STOCK_DELETED)
    changes.note_joined("A")
    changes.note_changed("A")

    assert told(changes) == [("A", STOCK_DELETED), ("A", JOINED)]


def test_full_message_leaves_the_rest() -> None:
    """What does not fit is told with the next message."""
    changes = UntoldChanges()
    changes.note_gone("A", LEFT)
    changes.note_joined("B")
    message = Message(0, 0)
    while message.offer(b"x" * 10):
        pass

    assert not changes.tell(message, FOLLOWINGS, "ana")
    assert told(changes) == [("A", LEFT), ("B", JOINED)]


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(["come", "go", "tell"])), max_size=40))
def test_reader_ends_with_what_is_followed(steps: list[tuple[str, str]]) -> None:
    """However changes are merged, each that is told makes sense to the reader, and it ends with what is so."""
    changes, followed, known = UntoldChanges(), set("A"), set("A")
    for stock_id, step in [*steps, ("A", "tell")]:
        if step == "come":
            (changes.note_changed if stock_id in followed else changes.note_joined)(stock_id)
            followed.add(stock_id)
        elif step == "go" and stock_id in followed:
            changes.note_gone(stock_id, LEFT)
            followed.remove(stock_id)
        elif step == "tell":
            for one, kind in told(changes):
                assert (one in known) == (kind is not JOINED)
                known.discard(one) if kind is LEFT else known.add(one)
            assert followed == known
