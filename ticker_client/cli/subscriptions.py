"""`ticker add`, `remove` and `list`: the saved stocks of a user."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Annotated

import typer

from ticker_client.cli.duration import format_duration, parse_duration
from ticker_client.cli.failures import CommandError
from ticker_client.cli.output import JsonValue, print_json, print_table
from ticker_client.cli.session import session_of
from ticker_client.cli.times import rfc3339
from ticker_client.cli.windows import format_window, parse_window
from ticker_client.client import TickerClient
from ticker_client.models import AddedStock, Subscription, SubscriptionRequest, Window

__all__ = ["add", "cadence_of", "list_subscriptions", "remove"]

StockIds = Annotated[list[str], typer.Argument(metavar="STOCK_ID", help="One or more ticker symbols.")]


def add(
    context: typer.Context,
    stock_ids: StockIds,
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="The clock of the window, such as Europe/Berlin.")
    ] = "UTC",
    frequency: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How often, 100ms to 24h.  [default: 5s]")
    ] = None,
    every_tick: Annotated[bool, typer.Option("--every-tick", help="Every tick, instead of a frequency.")] = False,
    window: Annotated[
        str | None, typer.Option(metavar="HH:MM-HH:MM", help="In which hours.  [default: 10:00-18:00]")
    ] = None,
    days: Annotated[
        str | None, typer.Option(metavar="mon,tue,...", help="On which days.  [default: every day]")
    ] = None,
    always: Annotated[bool, typer.Option("--always", help="At all hours, instead of a window.")] = False,
) -> None:
    """Follow stocks, or change how they are followed.

    What is left out takes its default, also for a stock that was followed before. Several stocks are added together
    or not at all.
    """
    session = session_of(context)
    user = session.user()
    hours = _window_of(window, days, always=always)
    every = cadence_of(frequency, every_tick=every_tick)
    requests = [
        SubscriptionRequest(
            stock_id=stock_id,
            user_id=user,
            time_zone=time_zone,
            frequency=every,
            every_tick=every_tick,
            window=hours,
            always=always,
        )
        for stock_id in stock_ids
    ]

    async def work(client: TickerClient) -> None:
        added = await _add(client, requests)
        if session.options.json:
            for one in added:
                print_json({**_entry(one.subscription), "created": one.created})
        else:
            _print_subscriptions([one.subscription for one in added])

    session.run(work)


async def _add(client: TickerClient, requests: Sequence[SubscriptionRequest]) -> Sequence[AddedStock]:
    """Add all at once; a single one by itself, because then errors name the plain field."""
    if len(requests) > 1:
        return await client.add_stocks(requests)
    wish = {field.name: getattr(requests[0], field.name) for field in fields(requests[0])}
    return [await client.add_stock(**wish)]


def remove(context: typer.Context, stock_ids: StockIds) -> None:
    """Follow stocks no longer."""
    session = session_of(context)
    user = session.user()

    async def work(client: TickerClient) -> None:
        answer = await client.remove_stocks(*stock_ids, user_id=user)
        if session.options.json:
            for stock_id in dict.fromkeys(stock_ids):
                print_json({"user_id": user, "stock_id": stock_id, "removed": stock_id in answer.removed})
            return
        if answer.removed:
            print(f"removed {', '.join(answer.removed)}")
        if answer.not_subscribed:
            print(f"not followed: {', '.join(answer.not_subscribed)}", file=sys.stderr)

    session.run(work)


def list_subscriptions(context: typer.Context) -> None:
    """Show the saved stocks of the user."""
    session = session_of(context)
    user = session.user()

    async def work(client: TickerClient) -> None:
        if session.options.json:
            async for subscription in client.list_subscriptions(user_id=user):
                print_json(_entry(subscription))
        else:
            _print_subscriptions([subscription async for subscription in client.list_subscriptions(user_id=user)])

    session.run(work)


def cadence_of(frequency: str | None, *, every_tick: bool) -> timedelta | None:
    """Return the frequency that `--frequency` names; None = not given.

    Raises:
        CommandError: it is no duration, or stands beside `--every-tick`.
    """
    if frequency is None:
        return None
    if every_tick:
        raise CommandError("USAGE", "--frequency and --every-tick exclude each other")
    try:
        return parse_duration(frequency)
    except ValueError as error:
        raise CommandError("USAGE", f"--frequency: {error}") from None


def _window_of(window: str | None, days: str | None, *, always: bool) -> Window | None:
    if always and (window is not None or days is not None):
        raise CommandError("USAGE", "--always excludes --window and --days")
    try:
        return parse_window(window, days)
    except ValueError as error:
        raise CommandError("USAGE", str(error)) from None


def _print_subscriptions(subscriptions: Sequence[Subscription]) -> None:
    print_table(
        ("stock", ">every", "window", "time zone", "now"),
        [
            (
                subscription.stock_id,
                _cadence_text(subscription.frequency),
                format_window(subscription.window),
                subscription.time_zone,
                _state_text(subscription),
            )
            for subscription in subscriptions
        ],
    )


def _cadence_text(frequency: timedelta | None) -> str:
    return "tick" if frequency is None else format_duration(frequency)


def _state_text(subscription: Subscription) -> str:
    if subscription.open_now:
        return "open"
    if subscription.next_open_time is None:
        return "closed"
    return f"opens {rfc3339(subscription.next_open_time)}"


def _entry(subscription: Subscription) -> dict[str, JsonValue]:
    frequency, window, opens = subscription.frequency, subscription.window, subscription.next_open_time
    return {
        "user_id": subscription.user_id,
        "stock_id": subscription.stock_id,
        "time_zone": subscription.time_zone,
        "frequency": None if frequency is None else format_duration(frequency),
        "every_tick": subscription.every_tick,
        "window": None
        if window is None
        else {"start": window.start, "end": window.end, "weekdays": list(window.weekdays)},
        "always": subscription.always,
        "revision": subscription.revision,
        "create_time": rfc3339(subscription.create_time),
        "update_time": rfc3339(subscription.update_time),
        "open_now": subscription.open_now,
        "next_open_time": None if opens is None else rfc3339(opens),
    }
