"""The demo as a process: a gateway of its own, the market, and the board."""

from __future__ import annotations

import sys

from ticker_server.app import Gateway
from ticker_server.clock import SystemClock
from ticker_server.demo.board import instructions, show_board
from ticker_server.demo.market import Market
from ticker_server.demo.scenario import play_market, prepare
from ticker_server.process import run_gateway, until_first_ends
from ticker_server.settings import Settings

__all__ = ["run_demo"]


def run_demo(settings: Settings, *, seed: int, board: bool) -> None:
    """Serve, play the market of a seed, and show the board until it is closed or a signal comes."""

    async def play(gateway: Gateway) -> None:
        await prepare(gateway.catalog, gateway.price_log.publish)
        sys.stdout.write(instructions(gateway.target) + "\n")
        sys.stdout.flush()
        market = play_market(Market(seed), gateway.price_log.publish, SystemClock())
        if board:
            await until_first_ends(market, show_board(gateway.target))
        else:
            await market

    run_gateway(settings, play)
