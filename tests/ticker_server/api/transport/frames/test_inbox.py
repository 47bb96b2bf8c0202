"""The receiving side of a stream: messages out of DATA, and credit for more."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.support.http2_client import grpc_message
from ticker_server.api.transport.frames.inbox import Inbox
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.status import CallFailed

LIMITS = Limits(receive_window=1_000, max_message_bytes=10_000, max_unread_messages=4)


class Ledger:
    """What an inbox has told: its credits, how much it keeps, and how often something has changed."""

    def __init__(self, limits: Limits = LIMITS, expected_total: int | None = None) -> None:
        self.credits: list[int] = []
        self.held = 0
        self.changes = 0
        self.inbox = Inbox(limits, 7, self._credit, self._account, expected_total)
        self.inbox.on_change = self._change

    def feed(self, data: bytes, padding: int = 0) -> None:
        """Let DATA come, as the streams do."""
        self.inbox.feed(data, len(data) + padding)

    def _credit(self, stream_id: int, credit: int) -> None:
        assert stream_id == 7
        self.credits.append(credit)

    def _account(self, change: int) -> None:
        self.held += change
        assert self.held >= 0

    def _change(self) -> None:
        self.changes += 1


@given(messages=st.lists(st.binary(max_size=50), max_size=8), cuts=st.lists(st.integers(0, 500), max_size=20))
def test_messages_are_found_however_they_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    """Messages are the same whatever DATA frames they come in, and each is noted once."""
    data, ledger = b"".join(map(grpc_message, messages)), Ledger()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        ledger.feed(data[start:end])
    ledger.inbox.end()

    assert list(ledger.inbox.messages) == messages
    assert ledger.changes == len(messages) + 1
    assert [ledger.inbox.take() for _ in messages] == messages
    assert ledger.held == 0


def test_credit_is_given_while_a_message_is_incomplete() -> None:
    """A message larger than the window goes on arriving: half a window is given back at once."""
    ledger = Ledger()
    data = grpc_message(b"x" * 9_995)
    for start in range(0, len(data), 500):
        assert ledger.inbox.window >= 500
        ledger.feed(data[start : start + 500])

    assert ledger.credits == [500] * 20
    assert ledger.inbox.window == 1_000
    assert len(ledger.inbox.messages) == 1


def test_little_is_not_worth_a_frame() -> None:
    """Less than half the window is not given back, but remembered."""
    ledger = Ledger()
    ledger.feed(grpc_message(b"x" * 494))
    assert not ledger.credits
    assert ledger.inbox.window == 501

    ledger.feed(b"\0")

    assert ledger.credits == [500]


def test_padding_is_given_back_too() -> None:
    """The padding of a frame uses up the window as its data do, and comes back as they do."""
    ledger = Ledger()
    ledger.feed(b"", padding=250)
    ledger.feed(grpc_message(b"x"), padding=244)

    assert ledger.credits == [500]
    assert ledger.inbox.window == 1_000
    assert ledger.held == 6


def test_no_credit_while_messages_are_unread() -> None:
    """With more than four messages unread the peer gets no credit; once one is read, all that is owed."""
    ledger = Ledger()
    for _ in range(5):
        ledger.feed(grpc_message(b"x" * 95))
    ledger.feed(grpc_message(b"x" * 395))
    assert not ledger.credits
    assert ledger.inbox.window == 100

    ledger.inbox.take()
    assert not ledger.credits
    ledger.inbox.take()

    assert ledger.credits == [900]
    assert ledger.inbox.window == 1_000


def test_message_that_announces_too_much_is_refused_before_it_comes() -> None:
    """A message above the limit is refused by its length, before any of it is kept."""
    ledger = Ledger()

    with pytest.raises(CallFailed) as raised:
        ledger.feed(b"\0" + (10_001).to_bytes(4, "big"))

    assert raised.value.code == code_pb2.RESOURCE_EXHAUSTED
    assert "10001" in raised.value.message
    assert "10000" in raised.value.message


def test_largest_message_is_taken() -> None:
    """A message of exactly the limit is fine."""
    ledger = Ledger(Limits(max_message_bytes=100))

    ledger.feed(grpc_message(b"x" * 100))

    assert ledger.inbox.take() == b"x" * 100


def test_compressed_message_is_refused() -> None:
    """A message that says it is compressed, where no encoding was agreed on, is an error of the peer."""
    with pytest.raises(CallFailed) as raised:
        Ledger().feed(b"\1" + (1).to_bytes(4, "big") + b"x")

    assert raised.value.code == code_pb2.INTERNAL


@pytest.mark.parametrize("rest", [b"\0", b"\0\0\0\0\5", b"\0\0\0\0\5abcd"])
def test_end_within_a_message_is_an_error(rest: bytes) -> None:
    """A request that ends within a message, or within its prefix, is broken; what was whole stays readable."""
    ledger = Ledger()
    ledger.feed(grpc_message(b"whole") + rest)

    with pytest.raises(CallFailed) as raised:
        ledger.inbox.end()

    assert raised.value.code == code_pb2.INTERNAL
    assert ledger.inbox.has_ended


def test_discarded_bytes_are_not_kept_and_are_credited() -> None:
    """What is discarded counts for nothing any more, and what still comes is dropped, for credit."""
    ledger = Ledger()
    ledger.feed(grpc_message(b"x" * 100) + b"\0\0\0")
    ledger.inbox.discard()
    assert ledger.held == 0
    assert not ledger.inbox.messages

    ledger.feed(b"\1junk" * 100)

    assert ledger.held == 0
    assert ledger.credits == [608]
    assert ledger.inbox.window == 1_000


def test_end_of_what_is_discarded_is_noted() -> None:
    """The end of a discarded request is still an end, and no error."""
    ledger = Ledger()
    ledger.inbox.discard()
    ledger.feed(b"\0\0\0")

    ledger.inbox.end()

    assert ledger.changes == 1
    assert ledger.inbox.has_ended


def test_closed_inbox_is_quiet() -> None:
    """When the stream is gone, nothing is kept, nothing is credited, and nobody is called."""
    ledger = Ledger()
    ledger.feed(grpc_message(b"x" * 600))
    before = list(ledger.credits)
    ledger.inbox.close()

    assert ledger.held == 0
    assert ledger.credits == before
    assert ledger.changes == 1


def test_handler_that_discards_within_a_frame_stops_the_frame() -> None:
    """Who discards when a message is told hears of no other message of the same DATA."""
    ledger = Ledger()
    told = []

    def discard() -> None:
        told.append(len(ledger.inbox.messages))
        ledger.inbox.discard()

    ledger.inbox.on_change = discard
    ledger.feed(grpc_message(b"a") + grpc_message(b"b") + b"\0\0")

    assert told == [1]
    assert ledger.held == 0
    assert not ledger.inbox.messages


@pytest.mark.parametrize(
    ("announced", "came", "expected", "expected_at_the_end"),
    [(None, 8, True, True), (8, 7, True, False), (8, 8, True, True), (8, 9, False, False), (0, 0, True, True)],
)
def test_length_is_compared_with_what_was_announced(
    *, announced: int | None, came: int, expected: bool, expected_at_the_end: bool
) -> None:
    """No more may come than content-length has announced, and in the end no less."""
    ledger = Ledger(expected_total=announced)
    ledger.feed(grpc_message(b"abcd")[:came])
    assert ledger.inbox.has_expected_length == expected
    ledger.inbox.has_ended = True

    assert ledger.inbox.has_expected_length == expected_at_the_end


async def test_read_waits_for_a_message() -> None:
    """A reader gets the messages in order, waits for those to come, and gets None after the last."""
    ledger, read = Ledger(), []

    async def read_all() -> None:
        while (message := await ledger.inbox.read()) is not None:
            read.append(message)

    task = asyncio.ensure_future(read_all())
    ledger.feed(grpc_message(b"a") + grpc_message(b"b"))
    await asyncio.sleep(0)
    assert read == [b"a", b"b"]
    ledger.feed(grpc_message(b"")[:3])
    await asyncio.sleep(0)
    ledger.feed(grpc_message(b"")[3:])
    ledger.inbox.end()
    await task

    assert read == [b"a", b"b", b""]
    assert await ledger.inbox.read() is None


async def test_close_wakes_the_reader() -> None:
    """Who waits for a message when the stream goes gets none."""
    ledger = Ledger()
    reading = asyncio.ensure_future(ledger.inbox.read())
    await asyncio.sleep(0)

    ledger.inbox.close()

    assert await reading is None


async def test_reading_can_be_given_up() -> None:
    """A reader that gave up takes no message from the next one."""
    ledger = Ledger()
    given_up = asyncio.ensure_future(ledger.inbox.read())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    ledger.feed(grpc_message(b"a"))

    assert given_up.cancelled()
    assert await ledger.inbox.read() == b"a"


@given(
    steps=st.lists(st.integers(0, 400) | st.just(-1), max_size=60),
)
def test_window_and_account_always_add_up(steps: list[int]) -> None:
    """At any moment the peer's window is what it had and was given, less what it sent; what is kept is what is unread."""
    ledger, sent, credited = Ledger(), 0, 0
    for step in steps:
        if step < 0:
            if ledger.inbox.messages:
                ledger.inbox.take()
        elif step + 5 <= ledger.inbox.window:
            ledger.feed(grpc_message(b"x" * step))
            sent += step + 5
        credited = sum(ledger.credits)

        assert ledger.inbox.window == 1_000 + credited - sent
        assert ledger.inbox.window <= 1_000
        assert ledger.held == sum(len(message) + 5 for message in ledger.inbox.messages)
    while ledger.inbox.messages:
        ledger.inbox.take()
    assert ledger.held == 0
    assert ledger.inbox.window > 500
