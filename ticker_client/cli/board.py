"""The live board: a pure picture of a `BoardState`."""

from __future__ import annotations

import io
from decimal import Decimal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ticker_client.cli.board_state import BoardRow, BoardState
from ticker_client.cli.magnitudes import magnitude_text
from ticker_client.cli.times import age_text, clock_text, opening_text
from ticker_client.events import FeedState

__all__ = ["Board", "export_svg"]

_WIDEST = 100
_FRAME_LINES = 9
_FLASH = 600_000_000
_NOTHING = "-"
_HEADINGS = ("Stock", "Last", "Change", "%", "Size", "Time", "Age", "Superseded", "Window")
# What a narrow terminal goes without, first to last.
_DISPENSABLE = ("Size", "Superseded", "Time", "%", "Age", "Window", "Change")
_FEED_STYLES = {FeedState.LIVE: "green", FeedState.STALE: "yellow", FeedState.DOWN: "bold red"}
_DIRECTIONS = {1: ("▲", "green"), -1: ("▼", "red"), 0: (" ", "")}


class Board:
    """Draws a state in the width and height that the console has."""

    def __init__(self, state: BoardState) -> None:
        self._state = state

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _panel(self._state, min(options.max_width, _WIDEST), options.size.height)


def export_svg(state: BoardState, *, width: int = 90) -> str:
    """Return the board as an SVG picture, `width` characters wide."""
    height = len(state.rows) + _FRAME_LINES + 1
    console = Console(
        record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor", width=width, height=height
    )
    console.print(Board(state))
    return console.export_svg(title="ticker watch")


def _panel(state: BoardState, width: int, height: int) -> Panel:
    rows = sorted(state.rows.values(), key=lambda row: row.stock_id)
    shown = rows[: max(1, height - _FRAME_LINES)]
    parts: list[RenderableType] = [_table(state, shown, width)]
    if len(rows) > len(shown):
        parts.append(Text(f"and {len(rows) - len(shown)} more", style="dim"))
    if not rows:
        parts.append(Text("nothing is followed yet" if state.connected else "opening the watch", style="dim"))
    parts.append(_footer(state))
    title = Text.assemble((" ticker ", "bold"), (f"{state.title} ", "cyan"))
    return Panel(Group(*parts), box=box.ROUNDED, title=title, title_align="left", width=width, padding=(0, 0))


def _table(state: BoardState, rows: list[BoardRow], width: int) -> Table:
    """Lay out the columns that fit: nothing is cut, and there is room between them if there is room at all."""
    lines = [_cells(row, state) for row in rows]
    columns = list(range(len(_HEADINGS)))
    if all(row.is_open(state.now) for row in rows):
        columns.remove(_HEADINGS.index("Window"))
    widths = [max(cell_len(_HEADINGS[place]), *(line[place].cell_len for line in lines), 0) for place in columns]
    columns = _fitting(dict(zip(columns, widths, strict=True)), width - 2)
    is_roomy = sum(widths) + 3 * len(widths) < width - 2
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1 if is_roomy else 0), collapse_padding=not is_roomy)
    for place in columns:
        table.add_column(_HEADINGS[place], no_wrap=True, justify="right" if place else "left")
    for row, line in zip(rows, lines, strict=True):
        table.add_row(*(line[place] for place in columns), style="" if row.is_open(state.now) else "dim")
    return table


def _fitting(widths: dict[int, int], room: int) -> list[int]:
    """Return the columns that fit into a room with one blank between them, without the dispensable ones if need be."""
    for heading in _DISPENSABLE:
        if sum(widths.values()) + len(widths) < room:
            break
        widths.pop(_HEADINGS.index(heading), None)
    return list(widths)


def _cells(row: BoardRow, state: BoardState) -> list[Text]:
    """Return the cells of a row, one for each heading."""
    stock, window = Text(row.stock_id, style="bold"), _window(row, state)
    if row.price is None or row.first_price is None:
        nothing = [Text(_NOTHING, style="dim")] * (len(_HEADINGS) - 3)
        return [stock, Text("no price", style="dim"), *nothing, window]
    change = row.price - row.first_price
    style = _sign_style(change)
    return [
        stock,
        _last(row, state.now),
        Text(f"{change:+f}" if change else "0", style=style),
        Text(f"{change / row.first_price:+.2%}", style=style),
        Text(_size_text(row.size)),
        Text(clock_text(row.trade_time, state.now, state.zone)),
        Text(age_text(state.now - row.accept_time)),
        Text(f"{row.superseded:,}"),
        window,
    ]


def _last(row: BoardRow, now: int) -> Text:
    """Return the last price with its direction: it flashes for a moment after it moved."""
    arrow, colour = _DIRECTIONS[row.direction]
    flashing = row.moved_at is not None and now - row.moved_at < _FLASH
    return Text.assemble((arrow, colour), " ", (f"{row.price:f}", f"bold reverse {colour}" if flashing else colour))


def _sign_style(change: Decimal) -> str:
    return _DIRECTIONS[int(change.compare(Decimal(0)))][1]


def _size_text(size: Decimal | None) -> str:
    return _NOTHING if size is None else magnitude_text(size)


def _window(row: BoardRow, state: BoardState) -> Text:
    if row.is_open(state.now):
        return Text("open")
    if row.next_open is None:
        return Text("closed")
    return Text(opening_text(row.next_open, state.now, state.zone))


def _footer(state: BoardState) -> Text:
    feed_style = _FEED_STYLES.get(state.feed, "yellow") if state.connected else "yellow"
    lost = f"reconnecting ({state.lost})" if state.lost else "connecting"
    feed = f"feed {state.feed.value}" if state.connected else lost
    footer = Text.assemble(
        (" ● ", feed_style),
        (feed, feed_style),
        f"   {state.target}   {state.rate.per_second(state.now):.1f} updates/s   {_gaps(state)}",
    )
    if state.refused:
        footer.append(f"   {len(state.refused)} refused", style="yellow")
    if state.replaying or state.complete:
        footer.append("   replay complete" if state.complete else "   replaying", style="cyan")
    if state.leaving:
        footer.append(f"   leaving: {state.leaving}", style="yellow")
    return footer


def _gaps(state: BoardState) -> str:
    if not state.gaps:
        return "no gaps"
    ticks = f" ({state.missing:,} ticks)" if state.missing else ""
    return f"{state.gaps:,} {'gap' if state.gaps == 1 else 'gaps'}{ticks}"
