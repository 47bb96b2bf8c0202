"""`ticker stocks`: create, get, list and delete stocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ticker_client.cli.output import JsonValue, print_json, print_table
from ticker_client.cli.session import Session, session_of
from ticker_client.cli.times import rfc3339
from ticker_client.client import TickerClient
from ticker_client.models import Stock

__all__ = ["app"]

app = typer.Typer(help="Create, get, list and delete stocks.", no_args_is_help=True, rich_markup_mode=None)

StockId = Annotated[str, typer.Argument(metavar="STOCK_ID", help="The ticker symbol, such as AAPL or BRK.B.")]


@app.command()
def create(
    context: typer.Context,
    stock_id: StockId,
    name: Annotated[str, typer.Option(metavar="N", help="A name for people.  [default: STOCK_ID]")] = "",
    currency: Annotated[str, typer.Option(metavar="CODE", help="ISO 4217.  [default: USD]")] = "",
) -> None:
    """Create a stock.

    One that exists with the same content is left as it is.
    """
    session = session_of(context)

    async def work(client: TickerClient) -> None:
        _show(session, [await client.create_stock(stock_id, name=name, currency=currency)])

    session.run(work)


@app.command()
def get(context: typer.Context, stock_id: StockId) -> None:
    """Show one stock."""
    session = session_of(context)

    async def work(client: TickerClient) -> None:
        _show(session, [await client.get_stock(stock_id)])

    session.run(work)


@app.command("list")
def list_stocks(context: typer.Context) -> None:
    """Show all stocks, by their ids."""
    session = session_of(context)

    async def work(client: TickerClient) -> None:
        if session.options.json:
            async for stock in client.list_stocks():
                print_json(_entry(stock))
        else:
            _show(session, [stock async for stock in client.list_stocks()])

    session.run(work)


@app.command()
def delete(context: typer.Context, stock_id: StockId) -> None:
    """Delete a stock, and its subscriptions."""
    session = session_of(context)

    async def work(client: TickerClient) -> None:
        ended = await client.delete_stock(stock_id)
        if session.options.json:
            print_json({"stock_id": stock_id, "ended_subscriptions": ended})
        else:
            print(f"deleted {stock_id}; ended {ended} {'subscription' if ended == 1 else 'subscriptions'}")

    session.run(work)


def _show(session: Session, stocks: Sequence[Stock]) -> None:
    if session.options.json:
        for stock in stocks:
            print_json(_entry(stock))
    else:
        print_table(
            ("stock", "name", "currency", "created"),
            [(stock.stock_id, stock.name, stock.currency, rfc3339(stock.create_time)) for stock in stocks],
        )


def _entry(stock: Stock) -> dict[str, JsonValue]:
    return {
        "stock_id": stock.stock_id,
        "name": stock.name,
        "currency": stock.currency,
        "create_time": rfc3339(stock.create_time),
    }
