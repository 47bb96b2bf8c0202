"""Resume and replay over every price log: whatever the cut, what a reader gets is exactly what it missed."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from ticker.v1 import watch_service_pb2 as wire

from tests.support.price_logs import PriceLogs, published_by, reached
from tests.support.resume_rig import Reader, ResumeRig, resume_rig
from ticker_server.fanout.registry import ALWAYS
from ticker_server.model.subscription import EVERY_TICK, Subscription
from ticker_server.model.tick import AcceptedTick, Tick

STOCKS = tuple("ABCDEFGH")
TICKS = 320
KEPT = 40
PAIRS = 10_000
AT_ONCE = 500
SECOND = 1_000_000_000

pytestmark = pytest.mark.timeout(180)


@dataclass
class Scene:
    """A log with ticks in it, and a gateway's parts over it. `history` has all ticks by stock, `kept` few of them."""

    rig: ResumeRig
    partitions: int
    chance: random.Random
    history: dict[str, list[AcceptedTick]]
    order: list[str]
    numbers: dict[str, int]

    async def publish(self, count: int) -> None:
        """Publish ticks of stocks by chance, with repeats that count for nothing, and wait until the hub has them."""
        for start in range(0, count, 20):
            ticks: list[Tick] = []
            for _ in range(min(20, count - start)):
                stock_id = self.chance.choice(STOCKS[: self.chance.choice([2, len(STOCKS) - 1])])
                self.order.append(stock_id)
                self.numbers[stock_id] = self.numbers.get(stock_id, 0) + 1
                ticks += published_by("p", self.numbers[stock_id], stock_id=stock_id)
                if self.chance.random() < 0.2:
                    ticks += published_by("p", self.chance.randint(1, self.numbers[stock_id]), stock_id=stock_id)
            published = await self.rig.log.publish(ticks)
            await self.rig.until_read(reached(self.partitions, ticks, published))

    def positions_at(self, moment: int) -> dict[str, int]:
        """Return how many ticks of each stock there had been after so many of all."""
        seen = dict.fromkeys(STOCKS, 0)
        for stock_id in self.order[:moment]:
            seen[stock_id] += 1
        return seen


async def scene_of(logs: PriceLogs, rig: ResumeRig) -> Scene:
    """Fill a log, and read what it holds."""
    chance = random.Random(int(os.environ.get("TICKER_TEST_SEED", "20260302")))
    scene = Scene(rig, logs.partitions, chance, {}, [], {})
    await scene.publish(TICKS)
    await read_history(scene)
    return scene


async def read_history(scene: Scene) -> None:
    """Read all ticks of a log through a reader of its own."""
    for partition in range(scene.partitions):
        end = scene.rig.feed.positions.get(partition, 0)
        position = 0
        async for batch in scene.rig.log.replay(partition, 0):
            for tick in batch.ticks:
                scene.history.setdefault(tick.stock_id, []).append(tick)
            position = batch.positions[partition]
            if position >= end:
                break
    assert {stock_id: len(ticks) for stock_id, ticks in scene.history.items()} == scene.numbers


@dataclass
class Cut:
    """Where one reader was cut, and how it resumes: what it had seen, and what it follows now, each with its cadence."""

    seen: Mapping[str, int]
    followed: Mapping[str, int]
    all_stocks: bool
    reader: Reader


async def cut(scene: Scene, number: int) -> Cut:
    """Resume one reader from a moment by chance: a list, all stocks, or a user whose subscriptions may have changed."""
    chance = scene.chance
    seen = scene.positions_at(chance.randrange(len(scene.order) + 1))
    kind = chance.choice(["list", "all", "user"])
    cadence = chance.choice([EVERY_TICK, EVERY_TICK, SECOND])
    before = STOCKS if kind == "all" else chance.sample(STOCKS, chance.randint(1, len(STOCKS)))
    request: dict[str, Any] = {}
    followed = dict.fromkeys(before, cadence)
    if kind == "user":
        followed = {stock_id: chance.choice([EVERY_TICK, SECOND]) for stock_id in before}
        followed |= dict.fromkeys(chance.sample(STOCKS, chance.randint(0, 2)), SECOND)
        for stock_id in chance.sample(list(followed), chance.randint(0, len(followed) - 1)):
            del followed[stock_id]
        user_id = f"user{number}"
        scene.rig.subscriptions[user_id] = [
            Subscription(user_id, stock_id, each, ALWAYS, 1, 0, 0) for stock_id, each in followed.items()
        ]
        request["user_ids"] = [user_id]
    else:
        request["stock_ids"] = ["*"] if kind == "all" else list(before)
        request |= {"every_tick": True} if cadence == EVERY_TICK else {"frequency": {"seconds": 1}}
    positions = [
        {
            "stock_id": stock_id,
            "sequence": scene.history[stock_id][seen[stock_id] - 1].sequence,
            "tick_number": seen[stock_id],
        }
        for stock_id in before
        if seen[stock_id]
    ]
    request["resume"] = {"log_epoch": scene.rig.log.epoch, "positions": positions}
    reader = await scene.rig.open(**request)
    had = {stock_id: seen[stock_id] for stock_id in before if seen[stock_id]}
    return Cut(had, followed, kind == "all", reader)


def expected(scene: Scene, one: Cut) -> dict[str, list[tuple[int, str]]]:
    """Return by stock the sequence and the kind of each update that a resume has to bring."""
    found: dict[str, list[tuple[int, str]]] = {}
    for stock_id, cadence in one.followed.items():
        ticks = scene.history.get(stock_id, [])
        seen = one.seen.get(stock_id)
        if seen is None and one.all_stocks and cadence == EVERY_TICK:
            seen = 0
        if seen is None:
            found[stock_id] = [(tick.sequence, "SNAPSHOT") for tick in ticks[-1:]]
        elif cadence == EVERY_TICK:
            found[stock_id] = [(tick.sequence, "REPLAY") for tick in ticks[seen:]]
        else:
            found[stock_id] = [(tick.sequence, "REPLAY") for tick in ticks[max(seen, len(ticks) - 1) :]]
    return {stock_id: events for stock_id, events in found.items() if events}


def told(reader: Reader) -> dict[str, list[tuple[int, str]]]:
    """Return by stock the sequence and the kind of each update that came up to `caught_up`; there is no gap."""
    found: dict[str, list[tuple[int, str]]] = {}
    for message in reader.sink.messages:
        assert not message.gaps, message
        kind = wire.UpdateKind.Name(message.kind).removeprefix("UPDATE_KIND_")
        for update in message.updates:
            found.setdefault(update.stock_id, []).append((update.sequence, kind))
        if message.HasField("caught_up"):
            replayed = sum(kind == "REPLAY" for events in found.values() for _, kind in events)
            assert message.caught_up.replayed_count == replayed
            break
    return found


async def test_random_cuts_are_exact(logs: PriceLogs) -> None:
    """Of ten thousand cuts each is resumed exactly: a list, all stocks or a user, with every tick or a frequency."""
    async with resume_rig(await logs.open(), STOCKS, kept=KEPT) as rig:
        scene = await scene_of(logs, rig)
        for start in range(0, PAIRS, AT_ONCE):
            cuts = [await cut(scene, number) for number in range(start, start + AT_ONCE)]
            for one in cuts:
                await one.reader.until_caught_up()
            for one in cuts:
                assert told(one.reader) == expected(scene, one)
            rig.close_all()


async def test_live_follows_without_a_seam(logs: PriceLogs) -> None:
    """Ticks that come while readers are catching up reach each of them once, behind what they missed."""
    async with resume_rig(await logs.open(), STOCKS, kept=KEPT) as rig:
        scene = await scene_of(logs, rig)
        positions = [{"stock_id": "A", "sequence": scene.history["A"][0].sequence, "tick_number": 1}]
        request = {
            "stock_ids": ["*"],
            "every_tick": True,
            "resume": {"log_epoch": rig.log.epoch, "positions": positions},
        }
        readers = []
        for _ in range(30):
            readers.append(await rig.open(**request))
            await scene.publish(5)
        for reader in readers:
            await reader.until_caught_up()
        await scene.publish(20)
        for reader in readers:
            numbers: dict[str, list[int]] = {}
            for message in reader.sink.messages:
                assert not message.gaps
                for update in message.updates:
                    numbers.setdefault(update.stock_id, []).append(update.tick_number)
            wanted = {stock_id: list(range(1, count + 1)) for stock_id, count in scene.numbers.items()}
            wanted["A"].remove(1)
            assert numbers == wanted


@pytest.mark.parametrize("end", [None, 200])
async def test_replay_of_a_time(logs: PriceLogs, end: int | None) -> None:
    """A replay brings exactly the ticks that were accepted since its start, and before its end."""
    async with resume_rig(await logs.open(), STOCKS, kept=KEPT) as rig:
        scene = await scene_of(logs, rig)
        times = sorted(tick.accept_time for ticks in scene.history.values() for tick in ticks)
        for moment in (0, 1, 60, 150, TICKS - 70):
            start, stop = times[moment], None if end is None else times[max(end, moment + 60)]
            request: dict[str, Any] = {"stock_ids": list(STOCKS), "every_tick": True, "start_time": timestamp(start)}
            if stop is not None:
                request["end_time"] = timestamp(stop)
            reader = await rig.open(**request)
            await (reader.until_caught_up() if stop is None else reader.until_ended())

            assert told(reader) == {
                stock_id: wanted
                for stock_id, ticks in scene.history.items()
                if (
                    wanted := [
                        (tick.sequence, "REPLAY")
                        for tick in ticks
                        if start <= tick.accept_time and (stop is None or tick.accept_time < stop)
                    ]
                )
            }
            rig.close_all()


async def test_readers_from_everywhere_at_once(logs: PriceLogs) -> None:
    """Readers that come one after the other, each from further back, are all served, and nothing is left open."""
    async with resume_rig(await logs.open(), STOCKS, kept=KEPT) as rig:
        scene = await scene_of(logs, rig)
        readers = []
        for seen in range(60, 0, -1):
            positions = [{"stock_id": "A", "sequence": scene.history["A"][seen - 1].sequence, "tick_number": seen}]
            resume = {"log_epoch": rig.log.epoch, "positions": positions}
            readers.append(await rig.open(stock_ids=["A"], every_tick=True, resume=resume))
            await asyncio.sleep(0.001)  # not all in one reading
        for reader, seen in zip(readers, range(60, 0, -1), strict=True):
            await reader.until_caught_up()
            assert told(reader) == {"A": [(tick.sequence, "REPLAY") for tick in scene.history["A"][seen:]]}
        async with asyncio.timeout(20):
            while rig.rereader.readings:  # noqa: ASYNC110  # they end by themselves, with no event of it
                await asyncio.sleep(0.01)


def timestamp(instant: int) -> Timestamp:
    """Return nanoseconds since the epoch as a Timestamp."""
    return Timestamp(seconds=instant // SECOND, nanos=instant % SECOND)
