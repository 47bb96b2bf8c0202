"""The live board on a terminal."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from tests.ticker_client.cli.events_of_a_watch import opened, update, watched
from ticker_client.cli.live import live_board

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def console() -> Console:
    """Return a terminal that keeps what is written to it."""
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)


def written(console: Console) -> str:
    """Return everything that was written."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_the_last_picture_has_the_last_events(console: Console) -> None:
    """What comes just before the end is on the board that stays, and the cursor is back."""
    async with live_board(console, target="localhost:50051", title="all stocks") as board:
        for _ in range(2):  # a second stream of the watch says it again
            board.show(opened(watched("AAPL"), refused=("NOPE",)))
        board.show(update("AAPL", "430.47"))

    text = written(console)
    assert text.index(HIDE_CURSOR) < text.rindex("430.47") < text.rindex(SHOW_CURSOR)
    assert "all stocks" in text
    assert text.count('refused: STOCK_NOT_FOUND: stock "NOPE" does not exist') == 1


async def test_the_board_is_drawn_by_itself(console: Console) -> None:
    """The board is on the terminal before the first event comes."""
    async with live_board(console, target="localhost:50051", title="all stocks"):
        await asyncio.sleep(0)

        assert "opening the watch" in written(console)


async def test_the_terminal_is_restored_when_the_watch_fails(console: Console) -> None:
    """An error passes through, and leaves the cursor where it was and no task behind."""
    with pytest.raises(ZeroDivisionError):
        async with live_board(console, target="localhost:50051", title="all stocks"):
            raise ZeroDivisionError

    assert written(console).endswith(SHOW_CURSOR)
    assert asyncio.all_tasks() == {asyncio.current_task()}
