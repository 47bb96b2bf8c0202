"""`ticker publish`: the prices of a CSV file, or of stdin, as ticks."""

from __future__ import annotations

import math
import sys
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ticker_client.cli.columns import parse_column_map
from ticker_client.cli.csv_ticks import is_stock_id
from ticker_client.cli.failures import CommandError, shown
from ticker_client.cli.numbering import is_publisher_id
from ticker_client.cli.price_file import open_price_file
from ticker_client.cli.publish_run import PublishPlan, PublishRun
from ticker_client.cli.session import session_of

__all__ = ["publish"]


def publish(
    context: typer.Context,
    csv: Annotated[str, typer.Option(metavar="FILE|-", help="A CSV file with a header, also as .gz; - = stdin.")],
    mapping: Annotated[
        list[str],
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN[,COLUMN...]",
            help="The column of stock_id, price, size or trade_time, where it is not called so; may be repeated. "
            "Several price columns make a tick each, in that order; the size goes with the last.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    stock: Annotated[
        str, typer.Option(metavar="STOCK_ID", help="All rows are of this stock.", show_default=False)
    ] = "",
    time_zone: Annotated[str, typer.Option(metavar="ZONE", help="The clock of trade times without an offset.")] = "UTC",
    speed: Annotated[
        float, typer.Option(min=0, metavar="N", help="Replay N times as fast as it was; 0 = as fast as accepted.")
    ] = 0,
    create_stocks: Annotated[bool, typer.Option("--create-stocks", help="Create stocks that do not exist.")] = False,
    publisher_id: Annotated[
        str,
        typer.Option(
            metavar="ID",
            show_default=False,
            help="Publish under this id, with trade times as sequences.  [default: a hash of the file]",
        ),
    ] = "",
    stop_on_error: Annotated[bool, typer.Option("--stop-on-error", help="Stop at the first bad row.")] = False,
) -> None:
    """Publish the prices of a CSV file.

    The same file published again changes nothing. Bad rows are named on stderr and skipped; then the exit code is 5.
    A trade time is RFC 3339, YYYY-MM-DD, YYYY-MM-DD HH:MM:SS, or a number of seconds, ms, us or ns since the epoch.
    """
    session = session_of(context)
    plan = PublishPlan(
        mapping=parse_column_map(mapping),
        stock_id=_stock_in(stock, mapping),
        zone=_zone_called(time_zone),
        publisher_id=_publisher_in(publisher_id),
        speed=_speed_in(speed),
        create_stocks=create_stocks,
        stop_on_error=stop_on_error,
        json=session.options.json,
    )
    with open_price_file(csv, sys.stdin.buffer) as file:
        session.run(PublishRun(file, plan).publish)


def _stock_in(stock: str, mapping: list[str]) -> str:
    if stock and not is_stock_id(stock):
        raise CommandError(
            "INVALID_STOCK_ID", f"--stock: {shown(stock)}: write 1-16 characters A-Z, 0-9, point and hyphen"
        )
    if stock and any(option.partition("=")[0].strip() == "stock_id" for option in mapping):
        raise CommandError("USAGE", "--stock and --map stock_id=... exclude each other")
    return stock


def _zone_called(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"--time-zone: {shown(name)} is no IANA time zone, such as America/New_York"
        raise CommandError("INVALID_TIME_ZONE", message) from None


def _publisher_in(publisher_id: str) -> str:
    if publisher_id and not is_publisher_id(publisher_id):
        raise CommandError(
            "INVALID_PUBLISHER",
            f"--publisher-id: {shown(publisher_id)}: write 1-64 letters, digits, points, underscores and hyphens, "
            "beginning with a letter or a digit",
        )
    return publisher_id


def _speed_in(speed: float) -> float:
    if not math.isfinite(speed):
        raise CommandError("USAGE", "--speed: write a number, such as 0, 1 or 3600")
    return speed
