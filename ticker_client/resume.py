"""Where a program stands on a watch, to go on from there: after a break, or after a restart of the program."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ticker.v1 import watch_service_pb2 as wire

__all__ = ["Position", "Resume"]


@dataclass(frozen=True, slots=True)
class Position:
    """The last update of a stock that a reader has seen; both numbers are 0 if the stock had no price yet."""

    stock_id: str
    sequence: int
    tick_number: int
    """0 = the update had none, or there was none."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a reader stands: `client.watch(resume=...)` goes on from here.

    It is `watch.resume` of an earlier watch, which may have been one of another program: `to_json()` and `from_json()`
    carry it over a restart.
    """

    log_epoch: str = ""
    """The identity of the price log; empty = nothing was seen yet, and a watch begins afresh."""
    positions: tuple[Position, ...] = ()
    """One for each stock of which an update was seen, or which had no price yet."""

    def to_json(self) -> str:
        """Return it as one JSON object: `{"log_epoch": ..., "positions": {STOCK_ID: [SEQUENCE, TICK_NUMBER], ...}}`."""
        positions = {position.stock_id: [position.sequence, position.tick_number] for position in self.positions}
        return json.dumps({"log_epoch": self.log_epoch, "positions": positions})

    @classmethod
    def from_json(cls, text: str) -> Resume:
        """Return what `to_json()` has written. Raises ValueError if it is something else."""
        try:
            found = json.loads(text)
            log_epoch, positions = found["log_epoch"], found["positions"].items()
            resume = cls(log_epoch, tuple(Position(stock_id, *numbers) for stock_id, numbers in positions))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError("this is no position of a watch") from None
        numbers = [number for position in resume.positions for number in (position.sequence, position.tick_number)]
        if not isinstance(log_epoch, str) or not all(_is_count(number) for number in numbers):
            raise ValueError("this is no position of a watch")
        return resume

    def among(self, stock_ids: Iterable[str]) -> Resume:
        """Return it without what does not belong to a watch of these stocks; `"*"` or none = all belong."""
        wanted = set(stock_ids)
        if not wanted or "*" in wanted:
            return self
        return Resume(self.log_epoch, tuple(one for one in self.positions if one.stock_id in wanted))

    def stock_ids(self) -> set[str]:
        """Return the stocks that have a position."""
        return {position.stock_id for position in self.positions}

    def to_message(self) -> wire.Resume:
        """Return it as it goes on the wire."""
        positions = [
            wire.Position(stock_id=p.stock_id, sequence=p.sequence, tick_number=p.tick_number) for p in self.positions
        ]
        return wire.Resume(log_epoch=self.log_epoch, positions=positions)


def _is_count(number: object) -> bool:
    return type(number) is int and 0 <= number < 2**64
