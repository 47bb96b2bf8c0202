"""The contract of the price log: what every adapter promises to the rest of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.support.price_logs import (
    PriceLogs,
    instant_read_through,
    published_by,
    reached,
    read_between,
)
from ticker_server.feed.log import Outcome, PriceLog, Published
from ticker_server.model.acceptance import Positions
from ticker_server.model.partition import home_partition
from ticker_server.model.tick import AcceptedTick, Tick

ACCEPTED, DUPLICATE = Outcome.ACCEPTED, Outcome.DUPLICATE


def outcomes(published: Sequence[Published]) -> list[Outcome]:
    """Return the outcomes alone."""
    return [each.outcome for each in published]


def in_order(ticks: Sequence[AcceptedTick]) -> list[AcceptedTick]:
    """Return ticks stock by stock, each stock's as they came: what comes of two stocks has no order between them."""
    return sorted(ticks, key=lambda tick: tick.stock_id)


def contents(ticks: Sequence[AcceptedTick]) -> list[tuple[object, ...]]:
    """Return all that readers are to agree on."""
    return [
        tuple(getattr(tick, name) for name in AcceptedTick.__slots__ if name != "fragment") for tick in in_order(ticks)
    ]


async def publish(logs: PriceLogs, log: PriceLog, ticks: Sequence[Tick]) -> dict[int, int]:
    """Publish ticks, and return the positions behind them."""
    return reached(logs.partitions, ticks, await log.publish(ticks))


async def test_publish_answers_each_tick_in_order(logs: PriceLogs) -> None:
    """Each published tick is answered in its place, and a stock's sequences increase from call to call."""
    log = await logs.open()

    first = await log.publish([Tick("AAPL", "1"), Tick("MSFT", "2"), Tick("AAPL", "3")])
    second = await log.publish([Tick("AAPL", "4")])

    assert outcomes(first + second) == [ACCEPTED] * 4
    assert 0 < first[0].sequence < first[2].sequence < second[0].sequence
    assert first[1].sequence > 0


async def test_reader_gets_what_was_published(logs: PriceLogs) -> None:
    """A reader gets the ticks in order, with the digits as they were sent and the sequences that publishers got."""
    log = await logs.open()
    sent = [Tick("AAPL", "007.50", "0.10", 5), Tick("AAPL", "3.0"), Tick("MSFT", "2", "", -1)]
    published = await log.publish(sent)

    read = in_order(await read_between(log, {}, reached(logs.partitions, sent, published)))

    assert [(tick.stock_id, tick.price, tick.size) for tick in read] == [
        (tick.stock_id, tick.price, tick.size) for tick in sent
    ]
    assert [tick.sequence for tick in read] == [each.sequence for each in published]
    assert [tick.tick_number for tick in read] == [1, 2, 1]
    assert [tick.trade_time for tick in read] == [5, read[1].accept_time, -1]


async def test_reader_begins_above_its_position(logs: PriceLogs) -> None:
    """A reader gets exactly what is above the position that it gives, with the numbers that all get."""
    log = await logs.open()
    published = await log.publish([Tick("AAPL", str(price)) for price in range(1, 6)])
    home = home_partition("AAPL", logs.partitions)

    for number, each in enumerate(published[:-1], 1):
        read = await read_between(log, {home: each.sequence}, {home: published[-1].sequence})
        assert [(tick.sequence, tick.tick_number) for tick in read] == [
            (later.sequence, following) for following, later in enumerate(published, 1) if following > number
        ]


async def test_reader_at_the_end_waits_for_more(logs: PriceLogs) -> None:
    """A reader at the end waits, and all that wait get what is published next."""
    log = await logs.open()
    end = await publish(logs, log, [Tick("AAPL", "1")])
    home = home_partition("AAPL", logs.partitions)
    waiting = [asyncio.create_task(read_between(log, end, {home: end[home] + 1})) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)

    await log.publish([Tick("AAPL", "2")])

    assert [[tick.price for tick in read] for read in await asyncio.gather(*waiting)] == [["2"]] * 3


async def test_readers_agree(logs: PriceLogs) -> None:
    """Readers that begin at other times and places get the same ticks, while others publish."""
    log = await logs.open()
    homes = [home_partition(stock_id, logs.partitions) for stock_id in ("AAPL", "MSFT")]
    end = {homes[0]: 30, homes[1]: 30} if homes[0] != homes[1] else {homes[0]: 60}
    early = asyncio.create_task(read_between(log, {}, end))
    for price in range(1, 61):
        await log.publish([Tick("AAPL" if price % 2 else "MSFT", str(price))])

    late = await read_between(log, {}, end)

    assert contents(await early) == contents(late)
    prices = [tick.price for tick in in_order(late)]
    assert prices == [str(price) for price in (*range(1, 61, 2), *range(2, 61, 2))]


async def test_replay_is_as_the_first_time(logs: PriceLogs) -> None:
    """A replay of a partition brings what a reader got, from any position, and then what comes."""
    log = await logs.open()
    ticks = published_by("p", 1, 2, 3, 2, 4, 1, 5)
    end = await publish(logs, log, ticks)
    home = home_partition("AAPL", logs.partitions)
    read = await read_between(log, {}, end)

    for position in range(end[home] + 1):
        found: list[AcceptedTick] = []
        async with asyncio.timeout(20):
            async for batch in log.replay(home, position):
                found += batch.ticks
                if batch.positions[home] >= end[home]:
                    break
        assert contents(found) == contents([tick for tick in read if tick.sequence > position])


async def test_replay_waits_for_more(logs: PriceLogs) -> None:
    """A replay says first from where it begins, and at the end it waits for what is published next."""
    log = await logs.open()
    end = await publish(logs, log, [Tick("AAPL", "1")])
    home = home_partition("AAPL", logs.partitions)
    replay = log.replay(home, end[home])
    first = await anext(replay)
    waiting = asyncio.ensure_future(anext(replay))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done

    await log.publish([Tick("AAPL", "2")])

    assert (list(first.ticks), first.positions) == ([], {home: end[home]})
    assert [tick.price for tick in (await asyncio.wait_for(waiting, 20)).ticks] == ["2"]
    await replay.aclose()


async def test_positions_of_a_time(logs: PriceLogs) -> None:
    """Above the positions of a time lies exactly what was accepted then or later."""
    log = await logs.open()
    for price in range(1, 6):
        end = await publish(logs, log, [Tick("AAPL", str(price)), Tick("MSFT", str(price))])
        await asyncio.sleep(0.002)
    read = await read_between(log, {}, end)

    for instant in {tick.accept_time + step for tick in read for step in (-1, 0, 1)}:
        positions = await log.positions_since(instant)
        above = [tick for tick in read if tick.sequence > positions[home_partition(tick.stock_id, logs.partitions)]]
        assert above == [tick for tick in read if tick.accept_time >= instant]


async def test_publishes_at_once_keep_their_own_order(logs: PriceLogs) -> None:
    """Of publishes at the same time each keeps its order, none is lost, and the tick numbers have no hole."""
    log = await logs.open()
    batches = [[Tick("AAPL", f"{publish}.{n}") for n in range(1, 8)] for publish in range(1, 31)]

    answers = await asyncio.gather(*map(log.publish, batches))

    home = home_partition("AAPL", logs.partitions)
    read = await read_between(log, {}, {home: max(each.sequence for answer in answers for each in answer)})
    by_sequence = {tick.sequence: tick.price for tick in read}
    assert [tick.tick_number for tick in read] == list(range(1, 30 * 7 + 1))
    for batch, answer in zip(batches, answers, strict=True):
        assert [by_sequence[each.sequence] for each in answer] == [tick.price for tick in batch]
        assert [each.sequence for each in answer] == sorted(each.sequence for each in answer)


async def test_repeats_are_dropped(logs: PriceLogs) -> None:
    """A tick that is not above the last one of its publisher and stock reaches no reader, however it was answered."""
    log = await logs.open()
    await log.publish(published_by("p", 1, 2, 3))
    repeats = [*published_by("p", 2, 3, 4), *published_by("q", 2), *published_by("p", 2, stock_id="X")]

    repeated = await log.publish(repeats)

    assert set(outcomes(repeated[:2])) <= {ACCEPTED, DUPLICATE}
    assert outcomes(repeated[2:]) == [ACCEPTED, ACCEPTED, ACCEPTED]
    read = await read_between(log, {}, reached(logs.partitions, repeats, repeated))
    assert [(tick.stock_id, tick.price, tick.tick_number) for tick in in_order(read)] == [
        *[("AAPL", price, number) for number, price in enumerate("12342", 1)],
        ("X", "2", 1),
    ]


async def test_repeats_that_were_read_are_told(logs: PriceLogs) -> None:
    """What the log's own reader has read of a publisher is answered as a duplicate, with no sequence."""
    log = await logs.open()
    end = await publish(logs, log, published_by("p", 1, 2))
    reader = log.read({})
    positions: dict[int, int] = {}
    async with asyncio.timeout(20):
        while positions.get(home_partition("AAPL", logs.partitions), 0) < max(end.values()):
            positions.update((await anext(reader)).positions)

    repeated = await log.publish(published_by("p", 1, 2, 3))

    assert outcomes(repeated) == [DUPLICATE, DUPLICATE, ACCEPTED]
    assert [each.sequence for each in repeated[:2]] == [0, 0]


async def test_repeat_within_one_call(logs: PriceLogs) -> None:
    """A repeat in the same call, or in another one at the same time, reaches no reader either."""
    log = await logs.open()
    twice, once, end = published_by("p", 1, 1), published_by("p", 1), published_by("p", 2)

    await asyncio.gather(log.publish(twice), log.publish(once))

    read = await read_between(log, {}, await publish(logs, log, end))
    assert [(tick.price, tick.tick_number) for tick in read] == [("1", 1), ("2", 2)]


async def test_accepted_ticks_survive_a_kill(logs: PriceLogs) -> None:
    """After a kill the epoch, all accepted ticks, their numbers and the numbering are as before."""
    log = await logs.open()
    epoch = log.epoch
    end = await publish(logs, log, [Tick("AAPL", "1"), Tick("AAPL", "3", "4", 5), Tick("MSFT", "2")])
    before = await read_between(log, {}, end)
    await logs.kill()

    log = await logs.open()
    more_end = await publish(logs, log, [Tick("MSFT", "6")])
    after = await read_between(log, {}, {home: max(end[home], more_end[home]) for home in end})

    assert log.epoch == epoch
    assert contents(after)[:-1] == contents(before)
    assert [(tick.stock_id, tick.price, tick.tick_number) for tick in in_order(after)[-1:]] == [("MSFT", "6", 2)]


async def test_repeats_are_dropped_after_a_kill(logs: PriceLogs) -> None:
    """A publisher that did not get its answer because of a kill can repeat everything."""
    await (await logs.open()).publish(published_by("p", 1, 2, 3))
    await logs.kill()

    log = await logs.open()
    read = await read_between(log, {}, await publish(logs, log, published_by("p", 1, 2, 3, 4)))

    assert [(tick.price, tick.tick_number) for tick in read] == [("1", 1), ("2", 2), ("3", 3), ("4", 4)]


async def test_publishers_are_forgotten_in_log_order_after_a_kill(logs: PriceLogs) -> None:
    """Which of too many publishers is forgotten does not depend on a restart between them."""
    log = await logs.open()
    for number in range(64):
        await log.publish(published_by(f"p{number}", 5))
    await log.publish(published_by("p0", 6))
    await logs.kill()

    log = await logs.open()
    end = await publish(logs, log, published_by("p64", 7))

    repeats = [*published_by("p0", 6), *published_by("p2", 5), *published_by("p1", 5), *published_by("p1", 8)]
    read = await read_between(log, end, await publish(logs, log, repeats))
    assert [tick.price for tick in read] == ["5", "8"]


async def test_snapshot_of_an_empty_log(logs: PriceLogs) -> None:
    """The snapshot of an empty log has no ticks, and reading goes on from its position."""
    log = await logs.open()
    snapshot = log.snapshot()
    end = await publish(logs, log, [Tick("AAPL", "1")])

    assert list(snapshot.numberings) == []
    assert set(snapshot.positions) == set(range(logs.partitions))
    assert len(await read_between(log, snapshot.positions, end)) == 1


async def test_snapshot_and_reading_meet_without_a_seam(logs: PriceLogs) -> None:
    """The snapshot is the newest tick of each stock when the log was opened; reading from it misses and repeats none."""
    log = await logs.open()
    await log.publish([Tick("AAPL", "1"), Tick("MSFT", "2"), Tick("AAPL", "3", trade_time=1)])
    await logs.kill()

    log = await logs.open()
    end = await publish(logs, log, [Tick("MSFT", "4"), Tick("NEW", "5")])
    snapshot = log.snapshot()
    read = await read_between(log, snapshot.positions, end)

    assert {
        (tick.stock_id, tick.price, tick.tick_number)
        for tick in (numbering.newest for numbering in snapshot.numberings)
    } == {
        ("AAPL", "3", 2),
        ("MSFT", "2", 1),
    }
    assert [(tick.price, tick.tick_number) for tick in in_order(read)] == [("4", 2), ("5", 1)]


async def test_accept_times_never_go_back(logs: PriceLogs) -> None:
    """Accept times of a stock never go back along the log, restarts included."""
    for _ in range(3):
        log = await logs.open()
        for price in range(1, 6):
            end = await publish(logs, log, [Tick("AAPL", str(price)), Tick("MSFT", str(price))])
        await logs.kill()

    read = in_order(await read_between(await logs.open(), {}, end))
    assert len(read) == 30
    for stock in (read[:15], read[15:]):
        times = [tick.accept_time for tick in stock]
        assert times == sorted(times)


async def test_read_through_never_claims_too_much(logs: PriceLogs) -> None:
    """Whatever was accepted before the instant that positions are read through, is at or below those positions."""
    log = await logs.open()
    claims: list[tuple[Positions, int]] = []
    steps: list[dict[int, int]] = [dict.fromkeys(range(logs.partitions), 0)]
    for price in range(1, 21):
        claims += [(step, log.read_through(step)) for step in steps]
        publishing = asyncio.create_task(publish(logs, log, [Tick("AAPL", str(price)), Tick("MSFT", str(price))]))
        while not publishing.done():
            claims.append((steps[-1], log.read_through(steps[-1])))
            await asyncio.sleep(0)
        steps.append(steps[-1] | {home: end for home, end in publishing.result().items() if end})

    read = await read_between(log, {}, steps[-1])
    homes = {stock_id: home_partition(stock_id, logs.partitions) for stock_id in ("AAPL", "MSFT")}
    assert not [
        (positions, claim, tick)
        for positions, claim in claims
        for tick in read
        if tick.accept_time < claim and tick.sequence > positions[homes[tick.stock_id]]
    ]
    newest = max(tick.accept_time for tick in read)
    assert await instant_read_through(log, steps[-1], newest) >= newest
