"""What breaks in the field, in an order that a seed decides: each fault hits one part, and is healed after a while."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.broker import Broker
from tests.support.deployments import Deployment, ServerProcess
from tests.support.postgres import Postgres
from tests.support.tcp_proxy import TcpProxy

ATTEMPTS = 20
AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Fault:
    """One way in which one part of the system fails."""

    name: str
    part: str
    begin: Callable[[], Awaitable[None]]
    heal: Callable[[], Awaitable[None]]
    longest: float
    """How long it lasts at most (seconds)."""


@dataclass
class Struck:
    """A fault that has happened; seconds of the monotonic clock."""

    name: str
    began: float
    healing: float = 0.0
    """When it was to end."""
    healed: float = 0.0
    """When what had failed was there again; 0 = not yet."""


@dataclass
class Mischief:
    """Lets faults happen one after the other, also two at a time in different parts, drawn from a shuffled deck."""

    faults: list[Fault]
    rng: random.Random
    struck: list[Struck] = field(default_factory=list)
    _deck: list[Fault] = field(default_factory=list)
    _busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, seconds: float) -> None:
        """Let faults happen for so long, then wait until all are healed."""
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                fault = self._draw()
                if fault.part in self._busy:
                    await self._busy.pop(fault.part)
                self._busy[fault.part] = asyncio.create_task(self._strike(fault, self.rng.uniform(0.2, 1)))
                await asyncio.sleep(self.rng.uniform(1, 9))
        finally:
            await asyncio.gather(*self._busy.values())

    def _draw(self) -> Fault:
        if not self._deck:
            self._deck = list(self.faults)
            self.rng.shuffle(self._deck)
        return self._deck.pop()

    async def _strike(self, fault: Fault, share: float) -> None:
        one = Struck(fault.name, time.monotonic())
        self.struck.append(one)
        await fault.begin()
        await asyncio.sleep(share * fault.longest)
        one.healing = time.monotonic()
        await fault.heal()
        one.healed = time.monotonic()


def faults_of(servers: Deployment, proxies: list[TcpProxy], broker: Broker, postgres: Postgres) -> list[Fault]:
    """Return all faults of a deployment that is reached through proxies."""
    found = []
    for proxy, gateway in zip(proxies, servers.gateways, strict=True):
        found += [
            Fault(f"cut {gateway.name}", f"link of {gateway.name}", _async(proxy.cut), _async(proxy.heal), 9),
            Fault(f"reset {gateway.name}", f"link of {gateway.name}", _async(proxy.reset), _nothing, 0),
            *_of_process(servers, gateway),
        ]
    found += _of_process(servers, servers.syncs[0])

    async def broker_back() -> None:
        await broker.start()
        await broker.accepts()

    async def postgres_back() -> None:
        await postgres.start()
        await postgres.accepts()

    return [
        *found,
        Fault("freeze Kafka", "Kafka", _async(broker.freeze), _async(broker.thaw), 8),
        Fault("kill Kafka", "Kafka", broker.kill, broker_back, 4),
        Fault("freeze PostgreSQL", "PostgreSQL", _async(postgres.freeze), _async(postgres.thaw), 8),
        Fault("kill PostgreSQL", "PostgreSQL", postgres.kill, postgres_back, 4),
    ]


def _of_process(servers: Deployment, server: ServerProcess) -> list[Fault]:
    async def kill() -> None:
        await server.end(signal.SIGKILL)

    async def stop() -> None:
        await server.end(signal.SIGTERM)

    async def back() -> None:
        await _revive(server)
        servers.protect()

    name = server.name
    return [
        Fault(f"freeze {name}", name, _async(server.freeze), _async(server.thaw), 9),
        Fault(f"kill {name}", name, kill, back, 3),
        Fault(f"stop {name}", name, stop, back, 1),
    ]


async def _revive(server: ServerProcess) -> None:
    """Start a process as a supervisor does: again, if it ends because what it needs is away."""
    for _ in range(ATTEMPTS):
        server.launch()
        try:
            await asyncio.to_thread(server.wait)
        except AssertionError:
            if server.pid is not None:
                raise
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return
    raise AssertionError(f"{server.name} does not start: {server.text()[-4000:]}")


def _async(call: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def wrapped() -> None:
        call()

    return wrapped


async def _nothing() -> None:
    """Heal by itself."""


@asynccontextmanager
async def in_background(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Let work go on until the end of the block, and raise what ended it before."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
