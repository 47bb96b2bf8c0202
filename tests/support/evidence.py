"""All that was recorded of a run: kept in a folder, read again, and judged by every validator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import validators as check
from tests.support.history import History
from tests.support.oracle import Truth
from tests.support.plain_json import read_lines, write_lines
from ticker_client import GapReason

READER = "reader-{}.jsonl"

# A resume reaches no further back than the log; how far that is, `needless` knows.
WHILE_AWAY = (GapReason.LOG_TRUNCATED,)
WHILE_SLOW = (GapReason.READER_LAGGED, GapReason.BUFFER_FULL)


@dataclass
class Evidence:
    """Histories of readers by name, what publishers were told, what the log holds, and what the database held."""

    histories: dict[str, History] = field(default_factory=dict)
    answers: list[check.Answer] = field(default_factory=list)
    truth: Truth = field(default_factory=dict)
    rows: list[check.Row] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    """What else belongs to the run, such as its seed; `slow` names the readers that were slow on purpose, `watched` the
    stocks that each reader followed from before the first tick to the end, `held` by stock the tick number from which on
    the log has held everything, and `away` for which reasons readers that were away may be told of gaps."""

    def save(self, folder: Path) -> None:
        """Write everything to a folder, one JSON object a line."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, history in self.histories.items():
            write_lines(folder / READER.format(name), history)
        write_lines(folder / "answers.jsonl", self.answers)
        write_lines(folder / "log.jsonl", (tick for ticks in self.truth.values() for tick in ticks))
        write_lines(folder / "rows.jsonl", self.rows)
        (folder / "run.json").write_text(json.dumps(self.notes, indent=2, default=vars))

    @classmethod
    def load(cls, folder: Path) -> Evidence:
        """Read what `save` wrote."""
        truth: Truth = {}
        for tick in read_lines(folder / "log.jsonl"):
            truth.setdefault(tick.stock_id, []).append(tick)
        prefix, suffix = READER.split("{}")
        return cls(
            {
                path.name.removeprefix(prefix).removesuffix(suffix): read_lines(path)
                for path in sorted(folder.glob(READER.format("*")))
            },
            read_lines(folder / "answers.jsonl"),
            truth,
            read_lines(folder / "rows.jsonl"),
            json.loads((folder / "run.json").read_text()),
        )

    def faults(self) -> dict[str, list[str]]:
        """Return what is wrong, by validator and reader; nothing where all is right."""
        return {place: wrong for place, wrong in self._judged() if wrong}

    def _judged(self) -> Iterator[tuple[str, list[str]]]:
        """Yield what each validator says."""
        truth = self.truth
        published = {(answer.stock_id, answer.price) for answer in self.answers if answer.outcome in check.CERTAIN}
        yield "undurable", check.undurable(self.answers, truth)
        yield "unsent", check.unsent(self.answers, truth)
        if self.rows:
            yield "went_back", check.went_back(self.rows)
            yield "unstored", check.unstored(self.rows, truth)
        for name, history in self.histories.items():
            watched = set(self.notes.get("watched", {}).get(name, truth))
            owed = {place for place in published if place[0] in watched}
            reasons = {GapReason(reason) for reason in self.notes.get("away", WHILE_AWAY)}
            if name in self.notes.get("slow", ()):
                reasons |= set(WHILE_SLOW)
            yield f"out_of_order {name}", check.out_of_order(history)
            yield f"repeated {name}", check.repeated(history)
            yield f"unaccounted {name}", check.unaccounted(history)
            yield f"inexact_gaps {name}", check.inexact_gaps(history, truth)
            yield f"unfounded {name}", check.unfounded(history, frozenset(reasons))
            if "held" in self.notes:
                yield f"needless {name}", check.needless(history, self.notes["held"])
            yield f"unresumed {name}", check.unresumed(history)
            yield f"overclaimed {name}", check.overclaimed(history, truth)
            yield f"untrue {name}", check.untrue(history, truth)
            yield f"lost {name}", check.lost(history, owed, truth)
            yield f"unconverged {name}", check.unconverged(history, truth, watched)
