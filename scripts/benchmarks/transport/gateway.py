"""The stage of the whole gateway: `ticker-server serve` over each transport, with watches of stocks that move."""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ticker.v1 import watch_service_pb2

from scripts.benchmarks.errors import BenchFailed
from scripts.benchmarks.transport.lab import Lab
from scripts.benchmarks.transport.row import SYSTEMS, Scale
from scripts.benchmarks.worker import ROOT, cpu_seconds, environment, keep_to, python
from ticker_client.models import Tick
from ticker_client.sync import TickerClient

__all__ = ["Gateways"]

_WATCH = "/ticker.v1.WatchService/WatchStocks"
_READY = re.compile(r"ticker-server ready grpc=127\.0\.0\.1:(\d+) ")
_STOCKS = [f"STOCK{number:02}" for number in range(40)]
_STOCKS_PER_WATCH = 5
_WARM_TIMES = 2
_REST_SECONDS = 1.2
"""After what is published first, until all watches have been told of it."""
_MICROSECONDS = 1e6


class Ticks(NamedTuple):
    """One tick of each of these stocks, so many times, one each period (seconds)."""

    stocks: Sequence[str]
    times: int
    period: float


class Followed(NamedTuple):
    """What the server used, in seconds, how many messages came, and the updates of each watch."""

    used: float
    messages: int
    updates: Sequence[int]

    def cost(self, fewest: int, most: int) -> float:
        """Return microseconds for each message. Raises BenchFailed if a watch had fewer or more updates than it may."""
        if not fewest <= min(self.updates) <= max(self.updates) <= most:
            raise BenchFailed(
                f"watches got {min(self.updates)} to {max(self.updates)} updates instead of {fewest} to {most}"
            )
        return self.used / self.messages * _MICROSECONDS


class Gateway:
    """A gateway of its own process and data, and who publishes to it."""

    def __init__(self, lab: Lab, transport: str) -> None:
        self._lab = lab
        self._port: int | None = None
        with ExitStack() as stack:
            data = stack.enter_context(TemporaryDirectory(prefix="ticker-bench-"))
            self._process = stack.enter_context(_running_server(transport, data))
            self._stack = stack.pop_all()

    def end(self) -> None:
        """End all of it."""
        self._stack.close()

    def follow(self, requests: Sequence[bytes], ticks: Ticks, *, all_updates: bool) -> Followed:
        """Open watches with these requests, each on a connection of its own, and publish ticks.

        Follows them until each watch has had all ticks as an update of its own, or as long as ticks are due.
        """
        if self._port is None:
            self._port = self._get_ready()
        reader = self._lab.reader("watch", _WATCH, *(request.hex() for request in requests))
        try:
            reader.ask("connect", self._port, len(requests), 1)
            self._publish(Ticks(ticks.stocks, _WARM_TIMES, ticks.period))
            time.sleep(_REST_SECONDS)
            reader.ask("mark")
            before = cpu_seconds(self._process.pid)
            reader.tell(*(("gather", ticks.times) if all_updates else ("follow", round(ticks.times * ticks.period))))
            self._publish(ticks)
            got = reader.answer()
            return Followed(cpu_seconds(self._process.pid) - before, got["messages"], got["updates"])
        finally:
            reader.end()

    def _get_ready(self) -> int:
        """Wait until the gateway serves, create the stocks, and return its port."""
        assert self._process.stdout is not None
        ready = _READY.match(self._process.stdout.readline())
        if ready is None:
            raise BenchFailed("ticker-server did not start")
        keep_to(self._lab.cores.server, self._process.pid)
        self._client = self._stack.enter_context(TickerClient(f"127.0.0.1:{ready[1]}"))
        for stock in _STOCKS:
            self._client.create_stock(stock)
        return int(ready[1])

    def _publish(self, ticks: Ticks) -> None:
        due = time.monotonic()
        for number in range(ticks.times):
            time.sleep(max(0.0, due - time.monotonic()))
            self._client.publish([Tick(stock, f"1{number:03}.42", "100") for stock in ticks.stocks])
            due += ticks.period


class Gateways:
    """Gateways whose watches have stocks that all move, once with a frequency, and once one stock with every tick.

    What the server uses includes publishing and, to a small part, storing what was published.
    """

    rows: Sequence[str] = ("gateway", "hot")
    systems: Sequence[str] = SYSTEMS[1:]
    most_rounds = 3  # they are long

    def __init__(self, lab: Lab, scale: Scale) -> None:
        self._lab = lab
        self._scale = scale

    def open(self, system: str) -> Gateway:
        """Start a gateway."""
        return Gateway(self._lab, system)

    def measure(self, gateway: Gateway) -> Mapping[str, float]:
        """Measure some seconds of each."""
        return {"gateway": self._measure_beats(gateway), "hot": self._measure_every_tick(gateway)}

    def _measure_beats(self, gateway: Gateway) -> float:
        seconds = self._scale.gateway_seconds
        chosen = random.Random(1)  # noqa: S311 - the same in each run
        stocks = (chosen.sample(_STOCKS, _STOCKS_PER_WATCH) for _ in range(self._scale.gateway_watches))
        # Stocks move twice as often as watches are told, so that each message has all of its watch.
        followed = gateway.follow(
            [_beats(each) for each in stocks], Ticks(_STOCKS, seconds * 2, 0.5), all_updates=False
        )
        fewest, most = (seconds - 2) * _STOCKS_PER_WATCH, (seconds + 1) * _STOCKS_PER_WATCH
        return followed.cost(fewest, most)

    def _measure_every_tick(self, gateway: Gateway) -> float:
        ticks = self._scale.hot_ticks
        requests = [_every_tick(_STOCKS[0])] * self._scale.hot_watches
        return gateway.follow(requests, Ticks(_STOCKS[:1], ticks, 0.1), all_updates=True).cost(ticks, ticks)


@contextmanager
def _running_server(transport: str, data: str) -> Iterator[subprocess.Popen[str]]:
    options = ("--port", "0", "--data-dir", data, "--log-level", "warning", "--transport", transport)
    process = subprocess.Popen(
        python("ticker_server", "serve", *options),
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _beats(stocks: Sequence[str]) -> bytes:
    """Return the request for some stocks, once a second."""
    request = watch_service_pb2.WatchStocksRequest(stock_ids=stocks)
    request.frequency.FromSeconds(1)
    request.heartbeat_interval.FromSeconds(60)
    return request.SerializeToString()


def _every_tick(stock: str) -> bytes:
    """Return the request for all ticks of a stock."""
    request = watch_service_pb2.WatchStocksRequest(stock_ids=[stock], every_tick=True)
    request.heartbeat_interval.FromSeconds(60)
    return request.SerializeToString()
