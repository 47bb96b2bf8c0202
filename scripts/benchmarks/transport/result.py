"""What was measured for one row: a sample of each system in each round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from scripts.benchmarks.transport.row import ROWS, Row, Scale

__all__ = ["Result"]

_FLOOR, _OURS = "send", "frames"


@dataclass(slots=True)
class Result:
    """The samples of a row, by system and in the order of the rounds."""

    name: str
    title: str
    samples: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, scale: Scale) -> Result:
        """Return a result without samples."""
        return cls(name, ROWS[name].title.format(**asdict(scale)))

    @property
    def row(self) -> Row:
        """What is measured."""
        return ROWS[self.name]

    def add(self, system: str, sample: float) -> None:
        """Add the figure of one round."""
        self.samples.setdefault(system, []).append(sample)

    def figure(self, system: str) -> float | None:
        """Return the figure of a system: the median of its rounds, or the best one. None if it was not measured."""
        if system not in self.samples:
            return None
        return min(self.samples[system]) if self.row.is_by_clock else median(self.samples[system])

    def spread(self, system: str) -> tuple[float, float]:
        """Return the lowest and the highest figure of a system."""
        return min(self.samples[system]), max(self.samples[system])

    def ratio(self, system: str, of: str) -> float | None:
        """Return the median of what a system is of another one in the same round; None without both.

        By the clock it is that of the best rounds.
        """
        if system not in self.samples or of not in self.samples:
            return None
        if self.row.is_by_clock:
            return (self.figure(system) or 0.0) / (self.figure(of) or 1.0)
        pairs = zip(self.samples[system], self.samples[of], strict=True)
        ratios = [mine / its for mine, its in pairs if its > 0]
        return median(ratios) if ratios else None

    @property
    def is_met(self) -> bool | None:
        """Whether frames keep to the target; None without one."""
        target = self.row.target
        figure = self.ratio(_OURS, _FLOOR) if self.row.is_ratio else self.figure(_OURS)
        return None if target is None or figure is None else figure <= target

    def as_json(self) -> Mapping[str, Any]:
        """Return all of it for a file."""
        return {
            "row": self.name,
            "title": self.title,
            "unit": self.row.unit,
            "target": self.row.target,
            "target_is_ratio": self.row.is_ratio,
            "is_met": self.is_met,
            "figures": {system: self.figure(system) for system in self.samples},
            "ratios_to_send": {system: self.ratio(system, _FLOOR) for system in self.samples},
            "samples": self.samples,
        }
