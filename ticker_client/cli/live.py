"""The live board on a terminal: four pictures a second, whatever the rate of updates."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from rich.console import Console
from rich.live import Live

from ticker_client.cli.board import Board
from ticker_client.cli.board_state import BoardState
from ticker_client.events import Event, Opened

__all__ = ["LiveBoard", "live_board"]

_FRAME_SECONDS = 0.25


class LiveBoard:
    """A board that is drawn again and again while events come in."""

    def __init__(self, state: BoardState, live: Live) -> None:
        self._state = state
        self._live = live
        self._told: set[str] = set()

    def show(self, event: Event) -> None:
        """Take one event; what is refused is also told on stderr, above the board."""
        self._state.apply(event, time.time_ns())
        if isinstance(event, Opened):
            for refusal in event.refusals:
                line = f"refused: {refusal.reason}: {refusal.message}"
                if line in self._told:
                    continue  # by an earlier stream of the watch
                self._told.add(line)
                self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def draw(self) -> None:
        """Draw the board as it is now."""
        self._state.now = time.time_ns()
        self._live.refresh()


@contextlib.asynccontextmanager
async def live_board(console: Console, *, target: str, title: str) -> AsyncIterator[LiveBoard]:
    """Show a board until the end of the block; its last picture stays on the terminal."""
    state = BoardState(target, title, time.time_ns())
    # Drawn by a task of this loop and not by rich's thread, which would read the state while events change it.
    with Live(Board(state), console=console, auto_refresh=False, redirect_stdout=False) as live:
        board = LiveBoard(state, live)
        drawing = asyncio.create_task(_draw_on(board))
        try:
            yield board
        finally:
            drawing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await drawing


async def _draw_on(board: LiveBoard) -> None:
    while True:
        board.draw()
        await asyncio.sleep(_FRAME_SECONDS)
