"""The contract of the price log: what every adapter promises to the rest of the server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.price_logs import PriceLogs, SqliteLogs, published_by, read_through
from ticker_server.clock import SystemClock
from ticker_server.feed.log import Outcome, Published
from ticker_server.model.tick import AcceptedTick, Tick

ACCEPTED, DUPLICATE = Outcome.ACCEPTED, Outcome.DUPLICATE


@pytest.fixture(params=["sqlite"])
async def logs(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> AsyncIterator[PriceLogs]:
    """Return an empty price log; a parameter per adapter."""
    assert request.param == "sqlite"
    opened = SqliteLogs(Path(shutil.copy(migrated_file, tmp_path)), SystemClock())
    yield opened
    await opened.close()


def outcomes(published: list[Published]) -> list[Outcome]:
    """Return the outcomes alone."""
    return [each.outcome for each in published]


def contents(ticks: list[AcceptedTick]) -> list[tuple[object, ...]]:
    """Return all that readers are to agree on."""
    return [tuple(getattr(tick, name) for name in AcceptedTick.__slots__ if name != "fragment") for tick in ticks]


async def test_publish_answers_each_tick_in_order(logs: PriceLogs) -> None:
    """Each published tick is answered in its place, and sequences increase from call to call."""
    log = await logs.open()

    first = await log.publish([Tick("AAPL", "1"), Tick("MSFT", "2"), Tick("AAPL", "3")])
    second = await log.publish([Tick("AAPL", "4")])

    sequences = [each.sequence for each in first + second]
    assert outcomes(first + second) == [ACCEPTED] * 4
    assert sequences == sorted(set(sequences))
    assert sequences[0] > 0


async def test_reader_gets_what_was_published(logs: PriceLogs) -> None:
    """A reader gets the ticks in order, with the digits as they were sent and the sequences that publishers got."""
    log = await logs.open()
    sent = [Tick("AAPL", "007.50", "0.10", 5), Tick("MSFT", "2", "", -1), Tick("AAPL", "3.0")]
    published = await log.publish(sent)

    read = await read_through(log, 0, published[-1].sequence)

    assert [(tick.stock_id, tick.price, tick.size) for tick in read] == [
        (tick.stock_id, tick.price, tick.size) for tick in sent
    ]
    assert [tick.sequence for tick in read] == [each.sequence for each in published]
    assert [tick.tick_number for tick in read] == [1, 1, 2]
    assert [tick.trade_time for tick in read] == [5, -1, read[2].accept_time]


async def test_reader_begins_above_its_position(logs: PriceLogs) -> None:
    """A reader gets exactly what is above the position that it gives."""
    log = await logs.open()
    published = await log.publish([Tick("AAPL", str(price)) for price in range(1, 6)])
    last = published[-1].sequence

    for each in published[:-1]:
        read = await read_through(log, each.sequence, last)
        assert [tick.sequence for tick in read] == [
            later.sequence for later in published if later.sequence > each.sequence
        ]


async def test_reader_at_the_end_waits_for_more(logs: PriceLogs) -> None:
    """A reader at the end waits, and all that wait get what is published next."""
    log = await logs.open()
    end = (await log.publish([Tick("AAPL", "1")]))[0].sequence
    waiting = [asyncio.ensure_future(anext(log.read({0: end}))) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)

    await log.publish([Tick("AAPL", "2")])

    assert [[tick.price for tick in batch.ticks] for batch in await asyncio.gather(*waiting)] == [["2"]] * 3


async def test_readers_agree(logs: PriceLogs) -> None:
    """Readers that begin at other times and places get the same ticks, while others publish."""
    log = await logs.open()
    early = asyncio.create_task(read_through(log, 0, 60))
    for price in range(1, 61):
        await log.publish([Tick("AAPL" if price % 2 else "MSFT", str(price))])

    late = await read_through(log, 0, 60)

    assert contents(await early) == contents(late)
    assert [tick.price for tick in late] == [str(price) for price in range(1, 61)]


async def test_publishes_at_once_keep_their_own_order(logs: PriceLogs) -> None:
    """Of publishes at the same time each keeps its order, none is lost, and the tick numbers have no hole."""
    log = await logs.open()
    batches = [[Tick("AAPL", f"{publish}.{n}") for n in range(1, 8)] for publish in range(1, 31)]

    answers = await asyncio.gather(*map(log.publish, batches))

    read = await read_through(log, 0, max(each.sequence for answer in answers for each in answer))
    by_sequence = {tick.sequence: tick.price for tick in read}
    assert [tick.tick_number for tick in read] == list(range(1, 30 * 7 + 1))
    for batch, answer in zip(batches, answers, strict=True):
        assert [by_sequence[each.sequence] for each in answer] == [tick.price for tick in batch]
        assert [each.sequence for each in answer] == sorted(each.sequence for each in answer)


async def test_repeats_are_dropped(logs: PriceLogs) -> None:
    """A tick that is not above the last one of its publisher and stock is a duplicate, and no reader gets it."""
    log = await logs.open()
    await log.publish(published_by("p", 1, 2, 3))

    repeated = await log.publish(
        [*published_by("p", 2, 3, 4), *published_by("q", 2), *published_by("p", 2, stock_id="X")]
    )

    assert outcomes(repeated) == [DUPLICATE, DUPLICATE, ACCEPTED, ACCEPTED, ACCEPTED]
    assert [each.sequence for each in repeated[:2]] == [0, 0]
    read = await read_through(log, 0, repeated[-1].sequence)
    assert [(tick.stock_id, tick.price) for tick in read] == [
        *[("AAPL", price) for price in "12342"],
        ("X", "2"),
    ]


async def test_repeat_within_one_call(logs: PriceLogs) -> None:
    """A repeat in the same call, or in another one at the same time, is a duplicate as well."""
    log = await logs.open()

    one, other = await asyncio.gather(log.publish(published_by("p", 1, 1)), log.publish(published_by("p", 1)))

    assert outcomes(one) == [ACCEPTED, DUPLICATE]
    assert outcomes(other) == [DUPLICATE]


async def test_accepted_ticks_survive_a_kill(logs: PriceLogs) -> None:
    """After a kill the epoch, all accepted ticks, their numbers and the numbering are as before."""
    log = await logs.open()
    epoch = log.epoch
    published = await log.publish([Tick("AAPL", "1"), Tick("MSFT", "2"), Tick("AAPL", "3", "4", 5)])
    before = await read_through(log, 0, published[-1].sequence)
    await logs.kill()

    log = await logs.open()
    more = await log.publish([Tick("AAPL", "6")])
    after = await read_through(log, 0, more[0].sequence)

    assert log.epoch == epoch
    assert contents(after[:-1]) == contents(before)
    assert after[-1].tick_number == 3
    assert more[0].sequence > published[-1].sequence


async def test_repeats_are_dropped_after_a_kill(logs: PriceLogs) -> None:
    """A publisher that did not get its answer because of a kill can repeat everything."""
    await (await logs.open()).publish(published_by("p", 1, 2, 3))
    await logs.kill()

    repeated = await (await logs.open()).publish(published_by("p", 1, 2, 3, 4))

    assert outcomes(repeated) == [DUPLICATE, DUPLICATE, DUPLICATE, ACCEPTED]


async def test_publishers_are_forgotten_in_log_order_after_a_kill(logs: PriceLogs) -> None:
    """Which of too many publishers is forgotten does not depend on a restart between them."""
    log = await logs.open()
    for number in range(64):
        await log.publish(published_by(f"p{number}", 5))
    await log.publish(published_by("p0", 6))
    await logs.kill()

    log = await logs.open()
    await log.publish(published_by("p64", 5))

    repeated = await log.publish([*published_by("p0", 6), *published_by("p2", 5), *published_by("p1", 5)])
    assert outcomes(repeated) == [DUPLICATE, DUPLICATE, ACCEPTED]


async def test_snapshot_of_an_empty_log(logs: PriceLogs) -> None:
    """The snapshot of an empty log has no ticks, and reading goes on from its position."""
    log = await logs.open()
    snapshot = log.snapshot()
    published = await log.publish([Tick("AAPL", "1")])

    assert list(snapshot.numberings) == []
    assert len(await read_through(log, snapshot.positions[0], published[-1].sequence)) == 1


async def test_snapshot_and_reading_meet_without_a_seam(logs: PriceLogs) -> None:
    """The snapshot is the newest tick of each stock when the log was opened; reading from it misses and repeats none."""
    log = await logs.open()
    await log.publish([Tick("AAPL", "1"), Tick("MSFT", "2"), Tick("AAPL", "3", trade_time=1)])
    await logs.kill()

    log = await logs.open()
    published = await log.publish([Tick("MSFT", "4"), Tick("NEW", "5")])
    snapshot = log.snapshot()
    read = await read_through(log, snapshot.positions[0], published[-1].sequence)

    assert {
        (tick.stock_id, tick.price, tick.tick_number)
        for tick in (numbering.newest for numbering in snapshot.numberings)
    } == {
        ("AAPL", "3", 2),
        ("MSFT", "2", 1),
    }
    assert [(tick.price, tick.tick_number) for tick in read] == [("4", 2), ("5", 1)]


async def test_accept_times_never_go_back(logs: PriceLogs) -> None:
    """Accept times never go back along the log, restarts included."""
    for _ in range(3):
        log = await logs.open()
        for price in range(1, 6):
            last = (await log.publish([Tick("AAPL", str(price)), Tick("MSFT", str(price))]))[-1].sequence
        await logs.kill()

    times = [tick.accept_time for tick in await read_through(await logs.open(), 0, last)]
    assert times == sorted(times)


async def test_read_through_never_claims_too_much(logs: PriceLogs) -> None:
    """Whatever was accepted before the instant that a position is read through, is at or below that position."""
    log = await logs.open()
    claims: list[tuple[int, int]] = []
    last = 0
    for price in range(1, 21):
        claims += [(position, log.read_through({0: position})) for position in range(last + 1)]
        publishing = asyncio.create_task(log.publish([Tick("AAPL", str(price)), Tick("MSFT", str(price))]))
        while not publishing.done():
            claims.append((last, log.read_through({0: last})))
            await asyncio.sleep(0)
        last = publishing.result()[-1].sequence
    end = log.read_through({0: last})

    read = await read_through(log, 0, last)
    assert not [
        (claim, tick) for claim in claims for tick in read if tick.accept_time < claim[1] and tick.sequence > claim[0]
    ]
    assert end >= read[-1].accept_time
