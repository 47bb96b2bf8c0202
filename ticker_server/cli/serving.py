"""The commands that serve: `serve` and `demo`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ticker_server.cli.options import DatabaseUrl, DataDir, Kafka, LogFormatOption, LogLevelOption, TopicPrefix
from ticker_server.cli.root import app
from ticker_server.logs import LogLevel, configure_logs
from ticker_server.settings import Settings

if TYPE_CHECKING:
    from ticker_server.app import Gateway

__all__ = ["demo", "serve"]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 = any free.  [default: 50051]")] = None,
    transport: Annotated[
        str | None,
        typer.Option(
            metavar="[grpcio|frames]",
            help="What speaks gRPC: grpc.aio, or a server of our own.  [default: grpcio]",
        ),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    kafka: Kafka = None,
    topic_prefix: TopicPrefix = None,
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
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Serve prices and subscriptions over gRPC.

    Without --kafka and --database-url all is in one process and one file (embedded profile); with both, prices are
    in Kafka and subscriptions in PostgreSQL, for any number of servers (production profile).

    Each flag has an environment variable: TICKER_ and its name, for example TICKER_DATA_DIR. Flags win.
    """
    settings = Settings.load(
        host=host,
        port=port,
        transport=transport,
        data_dir=data_dir,
        database_url=database_url,
        kafka_bootstrap_servers=kafka,
        kafka_topic_prefix=topic_prefix,
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
