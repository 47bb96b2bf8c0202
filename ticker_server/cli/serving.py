"""The command line of the server: flags, the ready line, signals and exit codes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import structlog
import typer

from ticker_server.errors import CannotStart
from ticker_server.logs import LogFormat, LogLevel, configure_logs
from ticker_server.settings import Settings
from ticker_server.version import VERSION

if TYPE_CHECKING:
    from ticker_server.app import Gateway

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
    sys.exit(code)


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


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 = any free.  [default: 50051]")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where prices and subscriptions are kept.  [default: ./ticker-data]")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate, PEM.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="Clients must show a certificate of this authority, PEM.")
    ] = None,
    allow_insecure: Annotated[
        bool | None, typer.Option("--allow-insecure", help="Serve without TLS beyond loopback.")
    ] = None,
    drain_seconds: Annotated[
        str | None, typer.Option(help="How long streams may take to end at a stop.  [default: 10]")
    ] = None,
    log_format: Annotated[LogFormat | None, typer.Option(help="[default: console]")] = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="[default: info]")] = None,
) -> None:
    """Serve prices and subscriptions over gRPC, all in one process and one file (embedded profile).

    Each flag has an environment variable: TICKER_ and its name, for example TICKER_DATA_DIR. Flags win.
    """
    settings = Settings.load(
        host=host,
        port=port,
        data_dir=data_dir,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        allow_insecure=allow_insecure,
        drain_seconds=drain_seconds,
        log_format=log_format,
        log_level=log_level,
    )
    configure_logs(settings.log_format, settings.log_level)
    # Imported here, because it takes a while and --version and --help do without.
    from ticker_server.process import run_gateway  # noqa: PLC0415

    run_gateway(settings, _tell_ready)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port to listen on, 0 = any free.")] = 50051,
    seed: Annotated[int, typer.Option(help="Another seed, another market.")] = 1,
    no_board: Annotated[bool, typer.Option("--no-board", help="Serve only; watch from another terminal.")] = False,
) -> None:
    """Show the ticker at work: a server of its own, ten stocks, a simulated market, and a live board.

    Nothing is kept: the demo's prices are invented, and its file is deleted at the end.
    """
    with TemporaryDirectory(prefix="ticker-demo-") as folder:
        settings = Settings.load(host="127.0.0.1", port=port, data_dir=Path(folder), drain_seconds=1.0)
        configure_logs(settings.log_format, LogLevel.WARNING)
        from ticker_server.demo.run import run_demo  # noqa: PLC0415 - as in serve

        run_demo(settings, seed=seed, board=not no_board)


async def _tell_ready(gateway: Gateway) -> None:
    """Print the ready line, and leave the serving to the gateway."""
    print(f"ticker-server ready grpc={gateway.target} metrics=off pid={os.getpid()}", flush=True)
    await asyncio.Event().wait()
