#!/usr/bin/env python3
"""Export the picture of the README: the live board as it stands after some seconds of a real demo run.

    python scripts/export_board.py [--seconds 20] [--seed 1]

Starts `ticker-server demo` on a free port, follows the demo user's saved stocks through the SDK, folds the events into the
board of `ticker watch`, and writes it to docs/images/board.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from ticker_client import TickerClient
from ticker_client.cli.board import export_svg
from ticker_client.cli.board_state import BoardState

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "board.svg"
SHOWN_TARGET = "localhost:50051"
USER = "demo"


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def demo(port: int, seed: int) -> Iterator[None]:
    """Run the demo without its board; it is ready once it has printed commands that name its port."""
    command = ["ticker-server", "demo", "--no-board", "--port", str(port), "--seed", str(seed)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            if not any(f":{port}" in line for line in process.stdout):
                sys.exit("the demo ended before it was ready")
            yield
        finally:
            process.terminate()


async def watch_board(port: int, seconds: float) -> BoardState:
    """Follow the demo user's stocks for some seconds and return the board, seen just after an update."""
    state = BoardState(target=SHOWN_TARGET, title=f"{USER}'s stocks", now=time.time_ns(), zone=UTC)
    deadline = time.monotonic() + seconds
    async with TickerClient(f"localhost:{port}", user_id=USER) as ticker, ticker.watch() as watch:
        async for event in watch.all_events():
            state.apply(event, time.time_ns())
            if time.monotonic() >= deadline:
                break
    return state


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="how long to follow before the picture is taken")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the simulated market")
    arguments = parser.parse_args()
    port = free_port()
    with demo(port, arguments.seed):
        state = asyncio.run(watch_board(port, arguments.seconds))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(export_svg(state))
    print(f"wrote {PICTURE}")


if __name__ == "__main__":
    main()
