"""A row that is not imported, and why."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BadRow", "RuleBreach"]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that breaks a rule. `line` is where it starts in the file, `reason` one of the API's."""

    line: int
    reason: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}: {self.message}"


class RuleBreach(Exception):
    """A value that breaks a rule: the reason of the API, and what the rule is."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
