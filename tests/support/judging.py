"""Runs that were saved, judged again: in words what is wrong with each."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.evidence import Evidence

SHOWN = 5


def judge(folder: Path) -> str:
    """Return in words what is wrong with a saved run."""
    evidence = Evidence.load(folder)
    events = sum(len(history) for history in evidence.histories.values())
    ticks = sum(len(accepted) for accepted in evidence.truth.values())
    lines = [f"{folder}: {len(evidence.histories)} readers, {events} events, {ticks} ticks"]
    for place, wrong in evidence.faults().items():
        lines += [f"  {place}: {len(wrong)} faults", *[f"    {one}" for one in wrong[:SHOWN]]]
    return "\n".join(lines)


def main(folders: list[str]) -> int:
    """Judge each folder."""
    words = [judge(Path(folder)) for folder in folders]
    sys.stdout.write("\n".join([*words, ""]))
    return int(any("\n" in one for one in words))
