"""The program itself: what all its commands share, and how it ends."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn, cast

import structlog
import typer

from ticker_server.errors import CannotStart
from ticker_server.version import VERSION

__all__ = ["app", "run"]

_INTERRUPTED = 130

# typer names only this one of its parser's errors in public; its base is what they have in common.
_UsageError = cast("type[Exception]", typer.BadParameter.__base__)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="The server of the stock ticker.",
)


def run() -> NoReturn:
    """Run the command line and exit with its code; what cannot be done is one line on stderr."""
    try:
        code = typer.main.get_command(app).main(prog_name="ticker-server", standalone_mode=False)
    except CannotStart as error:
        code = error.exit_code
        _tell(error.reason, str(error))
    except _UsageError as error:
        code = _misused(error)
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door; the log has the details
        structlog.get_logger(__name__).exception("ended unexpectedly")
        code = 1
        _tell("INTERNAL", f"{type(error).__name__}: {error}")
    sys.exit(code or 0)


def _misused(error: Exception) -> int:
    """Tell a usage error in one line, instead of the usage and the error below it."""
    context = getattr(error, "ctx", None)
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if context is not None and message == context.get_help():
        print(message, file=sys.stderr)
    else:
        path = context.command_path if context is not None else "ticker-server"
        _tell("USAGE", f"{message.rstrip('.')}; see {path} --help")
    return 2


def _tell(reason: str, message: str) -> None:
    """Write the one error line of a command that cannot go on."""
    print(f"error: {reason}: {' '.join(message.split())}", file=sys.stderr, flush=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ticker-server {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The server of the stock ticker."""
