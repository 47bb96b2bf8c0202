"""`ticker watch`: live prices, as a board or as JSON lines."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable
from contextlib import AsyncExitStack
from datetime import UTC, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol

import typer
from rich.console import Console

from ticker_client.cli.duration import parse_duration
from ticker_client.cli.failures import CommandError, ExitCode
from ticker_client.cli.lines import event_entry
from ticker_client.cli.live import live_board
from ticker_client.cli.output import print_json
from ticker_client.cli.resume_file import ResumeFile
from ticker_client.cli.session import Options, session_of
from ticker_client.cli.subscriptions import cadence_of
from ticker_client.cli.trade_time import parse_trade_time
from ticker_client.client import TickerClient
from ticker_client.events import Event, GoAway, Update
from ticker_client.reasons import GoAwayReason, LagPolicy
from ticker_client.watch import Watch

__all__ = ["watch"]


class _View(Protocol):
    """Where the events of a watch are shown."""

    def show(self, event: Event) -> None:
        """Take one event."""


class _Lines:
    """One JSON object per event and line, each written at once."""

    def show(self, event: Event) -> None:
        """Write one event."""
        entry = event_entry(event)
        if entry is not None:
            print_json(entry)


def watch(
    context: typer.Context,
    stock_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STOCK_ID",
            help="Ticker symbols; '*' = all stocks; none = the user's saved stocks.",
            show_default=False,
        ),
    ] = None,
    frequency: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How often, 100ms to 24h.  [default: 5s]")
    ] = None,
    every_tick: Annotated[bool, typer.Option("--every-tick", help="Every tick, instead of a frequency.")] = False,
    lag_policy: Annotated[
        str | None,
        typer.Option(
            metavar="conflate|disconnect",
            help="With --every-tick, when this reader is too slow: newest prices and a gap, or the end.",
        ),
    ] = None,
    heartbeat: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How often to hear from the server, 1s to 60s.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Begin in the past, with the ticks accepted from then on; with --every-tick. RFC 3339, YYYY-MM-DD or "
            "'YYYY-MM-DD HH:MM:SS' in UTC, or seconds, ms, us or ns since the epoch.",
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="With --start: end there, without the ticks accepted at or after that time."),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="End after N updates, snapshots included.")
    ] = None,
    resume_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on where the last command with this file ended, and keep in it where this one is. It comes before "
            "--start.",
        ),
    ] = None,
) -> None:
    """Watch prices live; a watch whose connection breaks comes back by itself, and goes on where it stood.

    On a terminal as a board; otherwise, or with --json, as one JSON object per event and line.
    """
    session = session_of(context)
    ids = stock_ids or []
    every = cadence_of(frequency, every_tick=every_tick)
    policy = _policy_called(lag_policy)
    interval = _heartbeat_of(heartbeat)
    past = _Past.of(start, end, ids, every_tick=every_tick)
    if not ids:
        session.user()
    kept = None if resume_file is None else ResumeFile(resume_file)
    resume = None if kept is None else kept.read()

    async def work(client: TickerClient) -> ExitCode:
        watching = client.watch(
            *ids,
            every_tick=every_tick,
            frequency=every,
            lag_policy=policy,
            heartbeat=interval,
            start_time=past.start,
            end_time=past.end,
            resume=resume,
        )
        return await _show(watching, session.options, _title(ids, session.options.user), kept, count)

    session.run(work)


async def _show(watching: Watch, options: Options, title: str, kept: ResumeFile | None, count: int | None) -> ExitCode:
    """Show a watch from its opening to its end, on a board or as lines, and keep where it stands."""
    console = Console()
    # Not console.is_terminal, which FORCE_COLOR makes true for a pipe as well.
    on_board = sys.stdout.isatty() and not console.is_dumb_terminal and not options.json
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(watching)
        view: _View = _Lines()
        if on_board:
            view = await stack.enter_async_context(live_board(console, target=options.target, title=title))
        if kept is not None:
            await stack.enter_async_context(kept.keeping(lambda: watching.resume))
        return await _follow(opened.all_events(), view, count)


class _Past(NamedTuple):
    """The past that is to be replayed, in nanoseconds since the epoch; None = not, or without an end."""

    start: int | None
    end: int | None

    @classmethod
    def of(cls, start: str | None, end: str | None, stock_ids: list[str], *, every_tick: bool) -> _Past:
        """Return what the options say. Raises CommandError if they do not go together."""
        past = cls(_instant("--start", start), _instant("--end", end))
        if past.start is None:
            if past.end is not None:
                raise CommandError("USAGE", "--end: give --start, too")
            return past
        if not stock_ids:
            raise CommandError("USAGE", "--start: name the stocks to replay, or '*' for all of them")
        if not every_tick:
            raise CommandError("USAGE", "--start: a replay has every tick; give --every-tick, too")
        if past.end is not None and past.end <= past.start:
            raise CommandError("USAGE", "--end: it must be after --start")
        return past


def _instant(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else parse_trade_time(text, UTC)
    except ValueError as error:
        raise CommandError("USAGE", f"{option}: {text}: {error}") from None


def _title(stock_ids: list[str], user: str | None) -> str:
    if not stock_ids:
        return f"{user}'s stocks"
    return "all stocks" if stock_ids == ["*"] else ", ".join(stock_ids)


async def _follow(events: AsyncIterable[Event], view: _View, count: int | None) -> ExitCode:
    """Show events until there were enough updates, or no more come."""
    updates = 0
    farewell: GoAway | None = None
    async for event in events:
        view.show(event)
        if isinstance(event, GoAway):
            farewell = event
        if isinstance(event, Update):
            updates += 1
            if updates == count:
                return ExitCode.OK
    if farewell is None or farewell.reason is GoAwayReason.REPLAY_COMPLETE:
        return ExitCode.OK
    wait = f"{farewell.reconnect_after.total_seconds():.1f} s"
    message = f"the server ended the watch ({farewell.reason.value}); watch again in {wait}"
    raise CommandError("WATCH_ENDED", message, ExitCode.UNREACHABLE)


def _policy_called(name: str | None) -> LagPolicy | None:
    if name is None:
        return None
    try:
        return LagPolicy[name.upper()]
    except KeyError:
        raise CommandError("USAGE", "--lag-policy: write conflate or disconnect") from None


def _heartbeat_of(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CommandError("USAGE", f"--heartbeat: {error}") from None
