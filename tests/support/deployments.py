"""A deployment as its users run it: gateways and sync servers as processes, on one Kafka and one PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from scripts.kafka_cluster.ports import HOST, free_ports
from tests.support.guard import Guard
from tests.support.processes import BIN, clean_environment
from tests.support.wire import Stubs
from ticker_client import TickerClient

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.02
PARTITIONS = 4

LogLine = dict[str, Any]


async def until(holds: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Wait until a condition holds and return what it said; the processes of a deployment offer no event to wait on."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(POLL_SECONDS)
    return found


async def until_known(client: TickerClient, stock_ids: Sequence[str], seconds: float = WAIT_SECONDS) -> None:
    """Wait until a gateway knows stocks that were created at another one."""
    deadline = time.monotonic() + seconds
    while unknown := (await client.latest(*stock_ids)).unknown:
        assert time.monotonic() < deadline, f"not known within {seconds:g} s: {unknown}"
        await asyncio.sleep(POLL_SECONDS)


class ServerProcess:
    """One `ticker-server` command: started, killed, frozen and started again, with all that it has logged."""

    def __init__(self, name: str, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._output = folder / f"{name}.out"
        self._errors = folder / f"{name}.err"
        self._began = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None while it does not run."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def launch(self) -> None:
        """Start it; `wait` waits until it is ready."""
        assert self.pid is None, f"{self.name} runs already"
        with self._output.open("wb") as output, self._errors.open("ab") as errors:
            self._began = errors.tell()
            self._process = subprocess.Popen(
                [BIN / "ticker-server", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env={**clean_environment(), **self._environment},
            )

    def wait(self) -> None:
        """Wait until it says that it is ready."""
        deadline = time.monotonic() + WAIT_SECONDS
        while b"ticker-server ready" not in self._output.read_bytes():
            assert self.pid is not None, f"{self.name} has ended: {self.text()[-4000:]}"
            assert time.monotonic() < deadline, f"{self.name} does not become ready: {self.text()[-4000:]}"
            time.sleep(POLL_SECONDS)

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.launch()
        await asyncio.to_thread(self.wait)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit code."""
        return await asyncio.to_thread(self.end_now, number)

    def end_now(self, number: int = signal.SIGTERM) -> int:
        """End it as `end` does, outside an event loop."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        return self._process.wait(WAIT_SECONDS)

    def freeze(self) -> None:
        """Stop it where it is (SIGSTOP): connections stay open and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def text(self) -> str:
        """Return what it has written to stderr since its last start."""
        with self._errors.open("rb") as errors:
            errors.seek(self._began)
            return errors.read().decode(errors="replace")

    def log(self, event: str | None = None, **fields: Any) -> list[LogLine]:
        """Return the lines it has logged since its last start; only those of an event, and with these fields."""
        lines = [line for text in self.text().splitlines() if (line := _parsed(text))]
        return [
            line
            for line in lines
            if (event is None or line.get("event") == event)
            and all(line.get(name) == value for name, value in fields.items())
        ]

    async def logs(self, event: str, seconds: float = WAIT_SECONDS, **fields: Any) -> list[LogLine]:
        """Wait until it logs an event with these fields, and return such lines."""
        lines: list[LogLine] = await until(
            lambda: self.log(event, **fields), f"{self.name} logs {event} {fields}", seconds
        )
        return lines


class GatewayProcess(ServerProcess):
    """One `ticker-server serve` on a port of its own, which it has again after a restart."""

    def __init__(self, name: str, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.port = free_ports(1)[0]
        super().__init__(
            name, folder, ("serve", "--port", str(self.port), "--drain-seconds", "3", *arguments), environment
        )

    @property
    def target(self) -> str:
        """The address that clients connect to."""
        return f"{HOST}:{self.port}"

    @asynccontextmanager
    async def stubs(self) -> AsyncIterator[Stubs]:
        """Open a channel of its own, and return the generated stubs."""
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 100))
        async with grpc.aio.insecure_channel(self.target, options=options) as channel:
            yield Stubs(channel)


@dataclass(frozen=True)
class Place:
    """Where a deployment has its data."""

    folder: Path
    bootstrap_servers: str
    database_url: str
    prefix: str
    partitions: int = PARTITIONS


class Deployment:
    """Gateways and sync servers over one topic prefix and one database."""

    def __init__(self, place: Place, gateways: int, syncs: int) -> None:
        self.place = place
        place.folder.mkdir(parents=True, exist_ok=True)
        self._guard = Guard(place.folder)
        arguments = (
            *("--kafka", place.bootstrap_servers, "--topic-prefix", place.prefix),
            *("--log-format", "json", "--log-level", "info"),
        )
        environment = {
            "TICKER_DATABASE_URL": place.database_url,
            "TICKER_KAFKA_PARTITIONS": str(place.partitions),
        }
        self.gateways = [
            GatewayProcess(f"gateway-{number}", place.folder, arguments, environment)
            for number in range(1, gateways + 1)
        ]
        self.syncs = [
            ServerProcess(f"sync-{number}", place.folder, ("sync", "--interval", "1s", *arguments), environment)
            for number in range(1, syncs + 1)
        ]

    @property
    def servers(self) -> list[ServerProcess]:
        """All processes."""
        return [*self.gateways, *self.syncs]

    def launch(self) -> None:
        """Start what does not run; `wait` waits until it is ready."""
        for server in self.servers:
            if server.pid is None:
                server.launch()
        self.protect()

    def wait(self) -> None:
        """Wait until all are ready."""
        for server in self.servers:
            server.wait()

    async def start(self) -> None:
        """Start what does not run, and wait until it is ready."""
        self.launch()
        await asyncio.to_thread(self.wait)

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """Send all that run a signal, and wait until they have ended."""
        await asyncio.gather(*(server.end(number) for server in self.servers if server.pid is not None))

    def protect(self) -> None:
        """Let nothing that runs now outlive the tests."""
        self._guard.protect(*(server.pid for server in self.servers if server.pid is not None))

    def end(self) -> None:
        """Kill what runs; data and logs stay."""
        for server in self.servers:
            if server.pid is not None:
                server.end_now(signal.SIGKILL)
        self._guard.release()


@contextmanager
def deployment(place: Place, *, gateways: int = 2, syncs: int = 1) -> Iterator[Deployment]:
    """Return a deployment that is not started yet; what runs at the end of the block is killed."""
    made = Deployment(place, gateways, syncs)
    try:
        yield made
    finally:
        made.end()


@asynccontextmanager
async def deployed(place: Place, *, gateways: int = 2, syncs: int = 1) -> AsyncIterator[Deployment]:
    """Run a deployment until the end of the block."""
    with deployment(place, gateways=gateways, syncs=syncs) as made:
        await made.start()
        yield made


def _parsed(text: str) -> LogLine | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
