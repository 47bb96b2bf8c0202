"""What became of the rows of a file."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Rows by what they did: together they are all rows that were dealt with.

    `imported` made something new, `replaced` gave a subscription other terms, `unchanged` were as stored already, and
    `rejected` are bad rows.
    """

    imported: int = 0
    unchanged: int = 0
    replaced: int = 0
    rejected: int = 0

    @property
    def total(self) -> int:
        """All rows that were dealt with."""
        return self.imported + self.unchanged + self.replaced + self.rejected

    def add(self, other: Tally) -> None:
        """Count the rows of another part of the same file."""
        self.imported += other.imported
        self.unchanged += other.unchanged
        self.replaced += other.replaced
        self.rejected += other.rejected

    def __str__(self) -> str:
        return (
            f"imported {self.imported}, unchanged {self.unchanged}, replaced {self.replaced}, rejected {self.rejected}"
        )
