"""The command line of scripts/bench. Each module of `commands` is a command, of the module's name.

Its docstring is the help, `add_options(parser)` adds its options, `run(options)` returns the exit code. Modules are all
imported for the help, so what is heavy is imported by `run`.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from scripts.benchmarks.errors import BenchFailed

COMMANDS = Path(__file__).parent / "commands"
INTERRUPTED = 130


def main() -> int:
    """Run a command and return its exit code: 0 done, 1 not measured, 2 bad usage, 130 interrupted."""
    options = _parser().parse_args()
    try:
        code: int = options.run(options)
    except BenchFailed as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("scripts/bench: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _commands():
        name = command.__name__.rpartition(".")[2]
        text = command.__doc__ or ""
        added = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_options(added)
        added.set_defaults(run=command.run)
    return parser


def _commands() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules([str(COMMANDS)]):
        yield importlib.import_module(f"scripts.benchmarks.commands.{module.name}")


if __name__ == "__main__":
    sys.exit(main())
