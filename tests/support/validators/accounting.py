"""G2, accounted: by the numbers alone a reader knows of every tick what became of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from tests.support.history import History
from tests.support.oracle import Truth
from tests.support.validators.chain import Link, links, programs
from ticker_client import Gap, GapReason, Update

# Where a gap names no numbers, because nobody knows them.
UNNUMBERED = {GapReason.COUNT_LOST, GapReason.LOG_REPLACED}


def unaccounted(history: History) -> list[str]:
    """On one stream tick numbers account for all: with every tick by ones or after a gap, otherwise as `superseded` says."""
    wrong: list[str] = []
    for link in links(history):
        if isinstance(link.word, Gap) and link.word.reason is GapReason.UNEXPLAINED:
            wrong.append(f"{link.word}")  # told by the SDK, of numbers that jump
        elif not link.is_first and link.break_of_chain:
            wrong.append(link.break_of_chain)
    return wrong


def inexact_gaps(history: History, truth: Truth) -> list[str]:
    """Each gap names exactly what the log says was missed.

    It begins after the last tick that was delivered and ends before the next one, its ticks are in the log, and none of
    them is delivered. Only where the count is lost, or the log is another one, it names none. A program that begins
    anew goes on after the last update, and may be told of a gap again.
    """
    return [fault for program in programs(history) for fault in _inexact(program, truth)]


def _inexact(program: Sequence[Link], truth: Truth) -> Iterator[str]:
    """Say what is wrong with the gaps that one program was told."""
    delivered: dict[str, set[int]] = {}
    told: dict[str, Gap] = {}
    named: list[Gap] = []
    for link in program:
        word, before = link.word, told.pop(link.word.stock_id, None)
        if before is not None and link.every_tick and link.first_number != before.last_missing_tick_number + 1:
            yield f"{before}, and then {word}"
        if isinstance(word, Update):
            delivered.setdefault(word.stock_id, set()).add(word.tick_number)
        elif word.missing is None:
            if word.reason not in UNNUMBERED:
                yield f"{word} names nothing"
        else:
            told[word.stock_id] = word
            named.append(word)
            if link.break_of_chain:
                yield link.break_of_chain
    for gap in named:
        numbers = range(gap.first_missing_tick_number, gap.last_missing_tick_number + 1)
        if len(numbers) < 1 or numbers[-1] > len(truth.get(gap.stock_id, ())):
            yield f"{gap} is not in the log"
        if not delivered.get(gap.stock_id, set()).isdisjoint(numbers):
            yield f"{gap} names what was delivered"


def needless(history: History, held: Mapping[str, int]) -> list[str]:
    """No gap is told as LOG_TRUNCATED of a tick that the log holds: by stock, from which number on it has held all."""
    return [
        str(gap)
        for seen in history
        if isinstance(gap := seen.event, Gap)
        and gap.reason is GapReason.LOG_TRUNCATED
        and gap.last_missing_tick_number >= held.get(gap.stock_id, math.inf)
    ]


def gaps(history: History) -> list[str]:
    """A reader that is never slow nor away gets everything: no gap is told, whatever its reason says."""
    return [str(seen.event) for seen in history if isinstance(seen.event, Gap)]


def unfounded(history: History, reasons: frozenset[GapReason]) -> list[str]:
    """Gaps are told for the reasons that this reader may be given, and no other."""
    return [str(gap) for seen in history if isinstance(gap := seen.event, Gap) and gap.reason not in reasons]
