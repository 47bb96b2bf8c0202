"""`ticker users`: create, get and delete users."""

from __future__ import annotations

from typing import Annotated

import typer

from ticker_client.cli.output import print_json, print_table
from ticker_client.cli.session import Session, session_of
from ticker_client.cli.times import rfc3339
from ticker_client.client import TickerClient
from ticker_client.models import User

__all__ = ["app"]

app = typer.Typer(help="Create, get and delete users.", no_args_is_help=True, rich_markup_mode=None)

UserId = Annotated[str, typer.Argument(metavar="USER_ID", help="Who is meant.")]


@app.command()
def create(context: typer.Context, user_id: UserId) -> None:
    """Create a user.

    One that exists is left as it is.
    """
    session = session_of(context)

    async def work(client: TickerClient) -> None:
        _show(session, await client.create_user(user_id))

    session.run(work)


@app.command()
def get(context: typer.Context, user_id: UserId) -> None:
    """Show one user."""
    session = session_of(context)

    async def work(client: TickerClient) -> None:
        _show(session, await client.get_user(user_id))

    session.run(work)


@app.command()
def delete(context: typer.Context, user_id: UserId) -> None:
    """Delete a user, and its subscriptions."""
    session = session_of(context)

    async def work(client: TickerClient) -> None:
        ended = await client.delete_user(user_id)
        if session.options.json:
            print_json({"user_id": user_id, "ended_subscriptions": ended})
        else:
            print(f"deleted {user_id}; ended {ended} {'subscription' if ended == 1 else 'subscriptions'}")

    session.run(work)


def _show(session: Session, user: User) -> None:
    created = rfc3339(user.create_time)
    if session.options.json:
        print_json({"user_id": user.user_id, "create_time": created})
    else:
        print_table(("user", "created"), [(user.user_id, created)])
