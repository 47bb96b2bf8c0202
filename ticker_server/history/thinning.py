"""Which checkpoints of a partition are kept: all of late, fewer of before, and never more than so many. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["KEPT", "Keeping", "Mark", "dispensable"]

_SECOND = 1_000_000_000


class Mark(NamedTuple):
    """Where a checkpoint is: its position, and the accept time of the newest tick before it, in nanoseconds."""

    position: int
    accept_time: int


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept: all of the last `all_seconds`, then one in `spaced_seconds`, none older than `longest_seconds`.

    Never more than `most`. The newest two always stay.
    """

    all_seconds: int
    spaced_seconds: int
    longest_seconds: int
    most: int


KEPT = Keeping(all_seconds=3600, spaced_seconds=3600, longest_seconds=7 * 24 * 3600, most=200)
"""What the sync server keeps: as far back as the topic's retention reaches. That is some 180 of a busy partition."""


def dispensable(marks: Sequence[Mark], keeping: Keeping = KEPT) -> list[Mark]:
    """Return which of a partition's checkpoints, in ascending order, are not kept.

    Their ages are told by the accept times of the log, up to the newest one: a log that is read much later than it was
    written keeps the same ones. What is kept once for its time stays until it is too old, unless there are too many.
    """
    if len(marks) <= 2:
        return []
    now = marks[-1].accept_time
    kept: list[Mark] = []
    spaces: set[int] = set()
    for mark in marks[:-2]:
        age = now - mark.accept_time
        space = mark.accept_time // (keeping.spaced_seconds * _SECOND)
        if age <= keeping.all_seconds * _SECOND or (age <= keeping.longest_seconds * _SECOND and space not in spaces):
            kept.append(mark)
        spaces.add(space)
    kept += marks[-2:]
    while len(kept) > max(keeping.most, 2):
        del kept[_closest(kept)]
    return sorted(set(marks) - set(kept))


def _closest(marks: Sequence[Mark]) -> int:
    """Return the index of the one, but for the newest two, without which the fewest records lie between its neighbours.

    There the way is shortest from the one before it, which takes its place. The oldest one has none before it.
    """
    inner = range(1, len(marks) - 2)
    return min(inner, key=lambda index: marks[index + 1].position - marks[index - 1].position, default=0)
