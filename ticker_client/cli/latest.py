"""`ticker latest`: the newest price of stocks, asked once."""

from __future__ import annotations

from typing import Annotated

import typer

from ticker_client.cli.failures import ExitCode, shown, tell
from ticker_client.cli.lines import price_entry
from ticker_client.cli.output import print_json, print_table
from ticker_client.cli.session import session_of
from ticker_client.cli.times import rfc3339
from ticker_client.client import TickerClient
from ticker_client.models import LatestPrices

__all__ = ["latest"]


def latest(
    context: typer.Context,
    stock_ids: Annotated[list[str], typer.Argument(metavar="STOCK_ID", help="Ticker symbols; '*' = all stocks.")],
) -> None:
    """Show the newest price of each stock, once."""
    session = session_of(context)
    wanted = [] if stock_ids == ["*"] else stock_ids

    async def work(client: TickerClient) -> ExitCode:
        answer = await client.latest(*wanted)
        (_print_lines if session.options.json else _print_table)(answer)
        for stock_id in answer.unknown:
            tell("STOCK_NOT_FOUND", f"stock {shown(stock_id)} does not exist; see ticker stocks list")
        return ExitCode.ANSWERED_ERROR if answer.unknown else ExitCode.OK

    session.run(work)


def _print_lines(answer: LatestPrices) -> None:
    for price in answer.prices:
        print_json(price_entry(price))
    for stock_id in answer.unpriced:
        print_json({"stock_id": stock_id, "price": None})


def _print_table(answer: LatestPrices) -> None:
    rows = [
        (
            price.stock_id,
            price.price_text,
            price.size_text or "-",
            rfc3339(price.trade_time_ns),
            rfc3339(price.accept_time_ns),
            str(price.tick_number),
        )
        for price in answer.prices
    ]
    rows += [(stock_id, "no price", "-", "-", "-", "-") for stock_id in answer.unpriced]
    if rows:
        print_table(("stock", ">price", ">size", "trade time", "accept time", ">tick"), rows)
