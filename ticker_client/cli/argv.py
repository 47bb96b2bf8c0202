"""The command line as typed: global options may stand anywhere, as in `ticker list --user ana`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

__all__ = ["GLOBAL_FLAGS", "GLOBAL_OPTIONS", "globals_first"]

GLOBAL_OPTIONS = ("--target", "--user", "--token-file", "--tls-ca", "--timeout")
"""Global options that take a value."""

GLOBAL_FLAGS = ("--json",)

_WITH_VALUE = tuple(f"{option}=" for option in GLOBAL_OPTIONS)


def globals_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the global options moved before the command, where the parser wants them.

    What follows `--` stays in its place.
    """
    first: list[str] = []
    rest: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        if argument == "--":
            rest += [argument, *pending]
        elif argument in GLOBAL_FLAGS or argument.startswith(_WITH_VALUE):
            first.append(argument)
        elif argument in GLOBAL_OPTIONS:
            first += [argument, *itertools.islice(pending, 1)]
        else:
            rest.append(argument)
    return first + rest
