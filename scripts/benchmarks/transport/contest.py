"""A run: the stages one after the other, the systems of each in turn, round by round."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack

from scripts.benchmarks.transport.gateway import Gateways
from scripts.benchmarks.transport.lab import Lab
from scripts.benchmarks.transport.result import Result
from scripts.benchmarks.transport.row import Scale
from scripts.benchmarks.transport.stage import Connect, Deadline, Fan, Idle, Opens, Stage, Streams, Tls, Unary

__all__ = ["run"]

_STAGES: Sequence[Callable[[Lab, Scale], Stage]] = (
    Fan,
    Streams,
    Tls,
    Unary,
    Deadline,
    Connect,
    Opens,
    Idle,
    Gateways,
)

Tell = Callable[[str], None]
"""Takes a line on how far the run is."""


def run(lab: Lab, scale: Scale, rows: Collection[str], tell: Tell) -> Iterator[Result]:
    """Yield the result of each of these rows."""
    for make in _STAGES:
        stage = make(lab, scale)
        if set(stage.rows) & set(rows):
            yield from (result for result in _measure(stage, scale, tell) if result.name in rows)


def _measure(stage: Stage, scale: Scale, tell: Tell) -> Sequence[Result]:
    results = {name: Result.of(name, scale) for name in stage.rows}
    title = ", ".join(stage.rows)
    with ExitStack() as stack:
        contestants = {}
        for system in stage.systems:
            tell(f"{title}: {system} starts")
            contestant = contestants[system] = stage.open(system)
            stack.callback(contestant.end)
        rounds = min(scale.rounds, stage.most_rounds)
        for number in range(1 - scale.cold_rounds, rounds + 1):
            for system, contestant in contestants.items():
                tell(f"{title}: round {number} of {rounds}, {system}")
                for name, sample in stage.measure(contestant).items():
                    if number > 0:
                        results[name].add(system, sample)
    return list(results.values())
