"""Everything that fails in the field, in random order, for minutes: nobody is left with a hole that was not told."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.support.broker import Broker, started_broker
from tests.support.deployments import Deployment, Place, deployment, until, until_known
from tests.support.evidence import Evidence
from tests.support.figures import show_figure
from tests.support.mischief import Mischief, faults_of, in_background
from tests.support.oracle import truth_of
from tests.support.postgres import Postgres, started_postgres
from tests.support.price_topic import PriceTopic
from tests.support.quotes import Quotes, quoting
from tests.support.readers import Reader
from tests.support.stalled_readers import stalled
from tests.support.sync_state import keep_history, versions, wait_until_stored
from tests.support.tcp_proxy import TcpProxy, proxy_to
from tests.support.validators import Answer, slowed, unconverged
from tests.support.validators.isolation import Span
from ticker_client import Gap, GapReason, Reconnected, TickerClient, TickerError, Update
from ticker_client.publisher import Publisher, Retry

FULL = bool(os.environ.get("TICKER_TEST_FULL"))
SECONDS = float(os.environ.get("TICKER_TEST_MIX_SECONDS") or (600 if FULL else 180))
CONVERGED_SECONDS = 10.0
STORED_SECONDS = 60.0
QUIET_SECONDS = 5.0
ATTEMPTS = 4
AGAIN_SECONDS = 0.2
BIRTH_SECONDS = 15.0
BIRTH_TICKS = 20
PAUSE_SECONDS = 0.15
HEARTBEAT = timedelta(seconds=2)
# Retention takes nothing in such a short time, so whoever was away gets everything.
AWAY: list[GapReason] = []
# So each UNKNOWN is told, and repeated by us.
ONCE = Retry(attempts=1)
STOCKS = ("AAPL", "AMZN", "GOOG", "MSFT", "NVDA", "TSLA")
TOGGLED = STOCKS[-1]
USER = "ana"

pytestmark = [pytest.mark.timeout(SECONDS + 420), pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """Run a Kafka that only this test harms."""
    with started_broker(tmp_path / "kafka") as running:
        yield running


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL that only this test harms."""
    with started_postgres(tmp_path / "postgres") as running:
        yield running


@pytest.fixture
def servers(own_broker: Broker, own_postgres: Postgres, tmp_path: Path) -> Iterator[Deployment]:
    """Run two gateways and a sync server on them."""
    place = Place(tmp_path / "servers", own_broker.bootstrap_servers, own_postgres.url(), "mix")
    with deployment(place) as made:
        made.launch()
        made.wait()
        yield made


@pytest.fixture
def proxies(servers: Deployment) -> Iterator[list[TcpProxy]]:
    """Put something between each gateway and its clients."""
    with ExitStack() as stack:
        yield [stack.enter_context(proxy_to(gateway.port)) for gateway in servers.gateways]


@dataclass
class Audience:
    """All programs that follow prices, those that never fail by themselves, and the others."""

    one: str
    other: str
    rng: random.Random
    steady: list[Reader] = field(default_factory=list)
    fickle: list[Reader] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make them."""
        every = {"every_tick": True, "heartbeat": HEARTBEAT}
        often = {"frequency": timedelta(milliseconds=300), "heartbeat": HEARTBEAT}
        self.steady = [
            Reader("every-1", self.one, *STOCKS, **every),
            Reader("every-2", self.other, *STOCKS, **every),
            Reader("all-1", self.one, "*", **every),
            Reader("all-often-2", self.other, "*", **often),
            Reader("often-1", self.one, *STOCKS, **often),
            Reader("often-2", self.other, *STOCKS, frequency=timedelta(seconds=1), heartbeat=HEARTBEAT),
            Reader("saved-2", self.other, user_id=USER, heartbeat=HEARTBEAT),
        ]
        uniform, rarely = partial(partial, self.rng.uniform), partial(self.rng.choices, (3.0, 0.0), (1, 150))
        self.fickle = [
            Reader("restarted-1", self.one, *STOCKS, lives=uniform(5, 15), away=uniform(0, 3), **every),
            Reader("restarted-2", self.other, *STOCKS, lives=uniform(5, 15), away=uniform(0, 3), **often),
            Reader("slow-1", self.one, *STOCKS, pause=lambda: rarely()[0], buffer_size=40, **every),
            Reader("flapping-2", self.other, *STOCKS, lives=uniform(0.2, 2), away=uniform(0, 0.5), **every),
        ]

    @property
    def all(self) -> list[Reader]:
        """All readers."""
        return [*self.steady, *self.fickle]


async def test_mix(
    servers: Deployment, proxies: list[TcpProxy], own_broker: Broker, own_postgres: Postgres, evidence: Evidence
) -> None:
    """Through faults of everything each reader ends with an unbroken chain, or with gaps that name what the log says."""
    seed = int(os.environ.get("TICKER_TEST_SEED") or secrets.randbelow(1_000_000))
    show_figure(f"seed {seed}, mix for", SECONDS)
    rng = random.Random(seed)
    targets = [f"127.0.0.1:{proxy.port}" for proxy in proxies]
    audience = Audience(*targets, random.Random(seed + 1))
    mischief = Mischief(faults_of(servers, proxies, own_broker, own_postgres), rng)
    topic = PriceTopic(servers.place.bootstrap_servers, servers.place.prefix, servers.place.partitions)
    evidence.histories |= {reader.name: reader.history for reader in audience.all}
    evidence.notes |= {
        "seed": seed,
        "struck": mischief.struck,
        "slow": ["slow-1"],
        "away": AWAY,
        "watched": {reader.name: watched for reader in audience.all if (watched := stocks_of(reader))},
    }
    await prepare(servers, own_postgres)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(in_background(*(reader.run() for reader in audience.steady)))
        await until(lambda: all(reader.programs for reader in audience.steady), "all steady readers are there")
        async with (
            quoting(targets[0], STOCKS, 1, pause=PAUSE_SECONDS, retry=ONCE) as first,
            quoting(targets[1], STOCKS, 2, pause=PAUSE_SECONDS, retry=ONCE) as second,
        ):
            quotes = (first, second)
            await asyncio.gather(*(each.go_on(10 * len(STOCKS)) for each in quotes))
            before = await span()
            await stack.enter_async_context(in_background(*(reader.run() for reader in audience.fickle)))
            await stack.enter_async_context(stalled(targets, STOCKS))
            isolated = await isolation(audience, quotes, before)
            async with in_background(toggle(servers)):
                _, born = await asyncio.gather(mischief.run(SECONDS), births(servers))
            evidence.answers += born
            await recovered(audience, quotes, time.monotonic())
        for each in quotes:
            evidence.answers += each.answers
        truth = evidence.truth = await truth_of(topic)
        for reader in audience.all:
            reader.calm_down()
        began = time.monotonic()
        await until(
            lambda: (
                not any(
                    unconverged(reader.history, truth, stocks_of(reader) or truth.keys()) for reader in audience.all
                )
            ),
            "all readers have the newest prices",
            CONVERGED_SECONDS,
        )
        show_figure("converged after", time.monotonic() - began)
    await wait_until_stored(servers.place.database_url, topic, STORED_SECONDS)
    evidence.rows = await asyncio.to_thread(versions, servers.place.database_url)
    show(audience, mischief, evidence)

    assert {reader.name: reader.failures for reader in audience.all if reader.failures} == {}
    assert evidence.faults() == {}
    assert isolated == []


def stocks_of(reader: Reader) -> tuple[str, ...]:
    """Return what a reader follows from before the first tick to the end; nothing = everything there is."""
    if reader.stock_ids == ("*",):
        return ()
    return reader.stock_ids or STOCKS[:-1]


async def prepare(servers: Deployment, own_postgres: Postgres) -> None:
    """Create the stocks and a user who has saved some, and let the database keep what it was told."""
    async with TickerClient(servers.gateways[0].target, user_id=USER) as client:
        for stock_id in STOCKS:
            await client.create_stock(stock_id)
        for stock_id in STOCKS[:3]:
            await client.add_stock(stock_id, every_tick=True, always=True)
        for stock_id in STOCKS[3:-1]:
            await client.add_stock(stock_id, frequency=timedelta(milliseconds=500), always=True)
    async with TickerClient(servers.gateways[1].target) as client:
        await until_known(client, STOCKS)
    await asyncio.to_thread(keep_history, own_postgres.url())


async def span() -> Span:
    """Let some seconds pass in which nothing fails; return them."""
    began = time.monotonic()
    await asyncio.sleep(QUIET_SECONDS)
    return began, time.monotonic()


async def isolation(audience: Audience, quotes: tuple[Quotes, Quotes], before: Span) -> list[str]:
    """Compare how long prices take beside readers that misbehave; once more, if the machine had other work meanwhile."""
    wrong: list[str] = []
    for _ in range(ATTEMPTS):
        beside = await span()
        sent = quotes[0].sent | quotes[1].sent
        wrong = [fault for reader in audience.steady[:2] for fault in slowed(reader.history, sent, before, beside)]
        if not wrong:
            break
    return wrong


async def toggle(servers: Deployment) -> None:
    """Add a stock for the user and remove it again, as often as the database lets us."""
    for turn in range(1_000_000):
        async with TickerClient(servers.gateways[turn % 2].target, user_id=USER) as client:
            try:
                if turn % 4 < 2:
                    await client.add_stock(TOGGLED, every_tick=True, always=True)
                else:
                    await client.remove_stocks(TOGGLED)
            except TickerError as error:
                if not error.retryable:
                    raise
        await asyncio.sleep(2)


async def births(servers: Deployment) -> list[Answer]:
    """Create a stock now and then, publish some prices of it, and return what was told of them."""
    answers: list[Answer] = []
    for number in range(1, round(SECONDS / BIRTH_SECONDS)):
        await asyncio.sleep(BIRTH_SECONDS)
        stock_id = f"NEW{number}"
        async with TickerClient(servers.gateways[number % 2].target) as client:
            while True:
                try:
                    await client.create_stock(stock_id)
                except TickerError as error:
                    if not error.retryable:
                        raise
                    await asyncio.sleep(AGAIN_SECONDS)
                else:
                    break
            quotes = Quotes(Publisher(client._publish, f"born-{number}"), [stock_id], 3)
            for _ in range(BIRTH_TICKS):
                await quotes.publish_one_each()
            answers += quotes.answers
    return answers


async def recovered(audience: Audience, quotes: tuple[Quotes, Quotes], since: float) -> None:
    """Wait until each reader has got a price that was sent after the last fault had ended."""
    for reader in audience.all:
        await until(lambda reader=reader: reached(reader, quotes, since), f"{reader.name} is live again")
    show_figure("live again after the last fault", time.monotonic() - since)


def reached(reader: Reader, quotes: tuple[Quotes, Quotes], since: float) -> float | None:
    """Return when a reader got the first price that was sent after a moment."""
    return next(
        (
            seen.at
            for seen in reversed(reader.history)
            if isinstance(update := seen.event, Update) and any(each.sent_at(update) > since for each in quotes)
        ),
        None,
    )


def recoveries(audience: Audience, mischief: Mischief) -> Iterator[float]:
    """Yield how long each reconnect took from when the last fault had ended that was in its way."""
    for reader in audience.all:
        for seen in reader.history:
            if isinstance(seen.event, Reconnected):
                broke = seen.at - seen.event.downtime.total_seconds()
                yield seen.at - max([broke, *[one.healed for one in mischief.struck if broke < one.healed < seen.at]])


def show(audience: Audience, mischief: Mischief, evidence: Evidence) -> None:
    """Write what has happened."""
    gaps = Counter(
        f"{reader.name} {seen.event.reason}"
        for reader in audience.all
        for seen in reader.history
        if isinstance(seen.event, Gap)
    )
    reconnects = [one for reader in audience.all for one in reader.reconnects]
    figures = {
        "faults": len(mischief.struck),
        "ticks": sum(map(len, evidence.truth.values())),
        "events": sum(map(len, evidence.histories.values())),
        "unknown answers": sum(answer.outcome == "UNKNOWN" for answer in evidence.answers),
        "programs": sum(reader.programs for reader in audience.all),
        "reconnects": len(reconnects),
        "dropped": sum(reader.dropped for reader in audience.all),
        "gaps": sum(gaps.values()),
    }
    for what, count in figures.items():
        show_figure(what, count, unit="")
    show_figure("longest fault", max(one.healed - one.began for one in mischief.struck))
    show_figure("longest from the end of a fault to live again", max(recoveries(audience, mischief), default=0))
    show_figure("longest reconnect", max((one.downtime.total_seconds() for one in reconnects), default=0))
    for what, each in {"fault": Counter(one.name for one in mischief.struck), "gap": gaps}.items():
        for name, count in sorted(each.items()):
            show_figure(f"{what} {name}", count, unit="")
