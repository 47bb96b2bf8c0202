"""The messages that are pushed: those of real watches, all of one size, so that a reader can check what it got."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ticker_server.fanout.encoding import LIVE, fragment, sent_time_piece
from ticker_server.model.tick import AcceptedTick

__all__ = ["ECHO", "FRAGMENTS", "JOINED_BYTES", "MESSAGE_BYTES", "SHARED", "WATCH", "own_parts"]

WATCH = "/bench.Bench/Watch"
ECHO = "/bench.Bench/Echo"

FRAGMENTS = 5
"""Stocks in a message of its own."""

_STOCKS = 1_000
_MOMENT = 1_790_000_000_123_456_789


def _cached(number: int) -> bytes:
    """Return the fragment of one stock; all of them are equally long."""
    tick = AcceptedTick(
        f"STOCK.{number:06}", f"1{number:03}.4200", "12500", _MOMENT, _MOMENT, 9_000_000 + number, 2_500_000
    )
    return fragment(tick)


_CACHED = [_cached(number) for number in range(_STOCKS)]
_SENT_TIME = sent_time_piece(_MOMENT)

SHARED: tuple[bytes, ...] = (LIVE + _CACHED[0] + _SENT_TIME,)
"""The parts of the message that goes to all, one price of one stock: a tuple, which cannot change."""

MESSAGE_BYTES = len(SHARED[0])
JOINED_BYTES = len(LIVE) + FRAGMENTS * len(_CACHED[0]) + len(_SENT_TIME)


_random = random.Random(1)  # noqa: S311 - the same in each run
# Made ahead: what a watch is opened for is no cost of the transport.
_OWN = [[LIVE, *_random.sample(_CACHED, FRAGMENTS), _SENT_TIME] for _ in range(_STOCKS)]


def own_parts(watch: int) -> Sequence[bytes]:
    """Return the parts of the message for one watch: five stocks of its own."""
    return _OWN[watch % len(_OWN)]
