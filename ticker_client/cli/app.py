"""The command `ticker`: its global options, its commands, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, cast

import typer

from ticker_client.cli import history, latest, publish, stocks, subscriptions, users, watch
from ticker_client.cli.argv import globals_first
from ticker_client.cli.duration import parse_duration
from ticker_client.cli.failures import CommandError, ExitCode, exit_code_of, tell
from ticker_client.cli.session import Connect, Options, Session, open_client
from ticker_client.errors import TickerError

__all__ = ["app", "run"]

# typer names only this one of its parser's errors in public; its base is what they have in common.
_UsageError = cast("type[Exception]", typer.BadParameter.__base__)

app = typer.Typer(
    name="ticker",
    help="Follow stock prices, and publish them.",
    epilog="The options may also stand after the command: ticker list --user ana",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(stocks.app, name="stocks")
app.add_typer(users.app, name="users")
app.command("add")(subscriptions.add)
app.command("remove")(subscriptions.remove)
app.command("list")(subscriptions.list_subscriptions)
app.command("watch")(watch.watch)
app.command("publish")(publish.publish)
app.command("latest")(latest.latest)
app.command("history")(history.history)


@app.callback()
def global_options(
    context: typer.Context,
    target: Annotated[
        str, typer.Option(envvar="TICKER_TARGET", metavar="ADDRESS", help="The server, host:port.")
    ] = "localhost:50051",
    user: Annotated[
        str | None, typer.Option(envvar="TICKER_USER", metavar="ID", help="The user whose stocks are meant.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="TICKER_TOKEN_FILE", metavar="FILE", help="Credentials; or the token itself in TICKER_TOKEN."
        ),
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(envvar="TICKER_TLS_CA", metavar="FILE", help="Use TLS, and trust the authorities in this file."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object per line.")] = False,
    timeout: Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for an answer.")] = "10s",
) -> None:
    """Follow stock prices, and publish them."""
    connect: Connect = context.obj
    try:
        wait = parse_duration(timeout)
    except ValueError as error:
        raise CommandError("USAGE", f"--timeout: {error}") from None
    if wait.total_seconds() <= 0:
        raise CommandError("USAGE", "--timeout: the time to wait is above zero")
    if tls_ca is not None and not tls_ca.is_file():
        raise CommandError("FILE_NOT_FOUND", f"--tls-ca: {tls_ca} is no file")
    token = _token_in(token_file) if token_file is not None else os.environ.get("TICKER_TOKEN") or None
    options = Options(target=target, user=user or None, token=token, tls_ca=tls_ca, json=json, timeout=wait)
    context.obj = Session(options, connect)


def run(arguments: Sequence[str], *, connect: Connect = open_client) -> int:
    """Run `ticker`; return the exit code. What went wrong is one line on stderr."""
    _prepare_streams()
    command = typer.main.get_command(app)
    try:
        code = command.main(globals_first(arguments), prog_name="ticker", standalone_mode=False, obj=connect)
    except CommandError as error:
        tell(error.reason, error.message)
        return error.exit_code
    except TickerError as error:
        tell(error.reason, error.message)
        return exit_code_of(error)
    except _UsageError as error:
        return _misused(error)
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.OK


def _misused(error: BaseException) -> int:
    """Tell a usage error in one line, instead of the usage and a box."""
    context = getattr(error, "ctx", None)
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if context is not None and message == context.get_help():
        print(message, file=sys.stderr)
        return ExitCode.USAGE
    path = context.command_path if context is not None else "ticker"
    tell("USAGE", f"{message.rstrip('.')}; see {path} --help")
    return ExitCode.USAGE


def _token_in(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CommandError("FILE_UNREADABLE", f"--token-file: {path} cannot be read: {why}") from None
    if not token:
        raise CommandError("INVALID_FILE", f"--token-file: {path} is empty")
    return token


def _prepare_streams() -> None:
    """Let nothing fail on a stream that was closed, or on a terminal that cannot show all letters of a name."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - to the end of the program
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
