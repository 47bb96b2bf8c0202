"""Systems that were broken on purpose: the validators go red for each, by what its readers and its database were told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count

import psycopg
import pytest

from tests.support.evidence import Evidence
from tests.support.fanout_rig import SECOND
from tests.support.rehearsal import FREQUENCY, KEPT, STOCKS, Cast, GatewayRig, rehearse
from tests.support.rig_reader import RigReader
from tests.support.sync_state import keep_history, versions
from tests.support.validators import Answer, undurable, unsent, unstored, went_back
from ticker_client import PublishOutcome
from ticker_server.catalog import upgrade
from ticker_server.fanout.following import Following
from ticker_server.fanout.hub import Hub
from ticker_server.fanout.recent import RecentTicks
from ticker_server.fanout.scheduler import Puller
from ticker_server.history import price_table
from ticker_server.model.acceptance import Acceptance, Reason, Record
from ticker_server.model.feed_status import FeedState, FeedStatus
from ticker_server.model.tick import AcceptedTick, Tick

SEEDS = range(6)


class Forgetful(Hub):
    """Loses every 20th tick on its way to the watches."""

    def publish(self, ticks: Sequence[AcceptedTick]) -> Iterable[Puller]:
        """Take ticks, and lose some."""
        return super().publish([tick for tick in ticks if tick.sequence % 200])


class Deaf(Hub):
    """Takes nothing any more after a while."""

    def publish(self, ticks: Sequence[AcceptedTick]) -> Iterable[Puller]:
        """Take ticks, as long as it does."""
        return super().publish([tick for tick in ticks if tick.sequence < 1000])


class Miscounting(Hub):
    """Counts one tick too many from some time on, as a gateway that starts from a wrong snapshot."""

    def publish(self, ticks: Sequence[AcceptedTick]) -> Iterable[Puller]:
        """Take ticks, and number them wrongly."""
        return super().publish([replace(tick, tick_number=tick.tick_number + (tick.sequence > 500)) for tick in ticks])


class Confused(Hub):
    """Hands out the bytes of another tick now and then."""

    def publish(self, ticks: Sequence[AcceptedTick]) -> Iterable[Puller]:
        """Take ticks, and confuse their prices."""
        return super().publish([replace(tick, price="1.5") if not tick.sequence % 150 else tick for tick in ticks])


class HoledRing(RecentTicks):
    """Keeps fewer ticks than it says: one in the middle is forgotten."""

    def after(self, stock_id: str, sequence: int) -> Sequence[AcceptedTick]:
        """Return ticks, but for the second one."""
        found = deque(super().after(stock_id, sequence))
        if len(found) > 2:
            del found[1]
        return found


class WithHoledRing(Hub):
    """A hub whose ring forgets silently."""

    def __init__(self) -> None:
        super().__init__(kept=KEPT)
        self.recent = HoledRing(KEPT)


class LateResume(Following):
    """Goes on one place of the log too late; where that is the stock's next tick, it is left out."""

    __slots__ = ()

    def resume(self, sequence: int, number: int) -> None:
        """Go on after the next place."""
        super().resume(sequence + 10, number + 1)


class EarlyResume(Following):
    """Believes that the reader has seen one tick less."""

    __slots__ = ()

    def resume(self, sequence: int, number: int) -> None:
        """Go on after the tick before."""
        super().resume(sequence, number - 1)


class Unguarded(Following):
    """Sends what the reader has from a gateway that had read further."""

    __slots__ = ("_sequence",)

    @property
    def last_sequence(self) -> int:
        """Nothing was sent, it says."""
        return 0

    @last_sequence.setter
    def last_sequence(self, sequence: int) -> None:
        self._sequence = sequence


class Skipping(GatewayRig):
    """Leaves out ticks when it reads the log once more."""

    def log_ticks(self) -> list[AcceptedTick]:
        """Return the ticks of the log, but for every fifth."""
        return [tick for tick in super().log_ticks() if tick.sequence % 50]


class Boastful(GatewayRig):
    """Claims to have read everything up to now."""

    def feed_status(self) -> FeedStatus:
        """Return a feed that has read everything."""
        return FeedStatus(FeedState.LIVE, since=SECOND, read_through=self.clock.wall())


def readers(following: type[Following] = Following) -> dict[str, RigReader]:
    """Return the readers of a rehearsal, whose gateways follow stocks in a broken way."""
    return {
        "every": RigReader(*STOCKS, following=following),
        "often": RigReader(*STOCKS, cadence=FREQUENCY, following=following),
        "trusting": RigReader(*STOCKS, trusting=True, following=following),
    }


BROKEN: dict[str, tuple[Callable[[], Cast], tuple[str, ...]]] = {
    "a hub that loses ticks": (
        lambda: Cast(hub=lambda: Forgetful(kept=KEPT)),
        ("unaccounted every", "unaccounted trusting", "lost every"),
    ),
    "a hub that goes deaf": (
        lambda: Cast(hub=lambda: Deaf(kept=KEPT)),
        ("overclaimed every", "overclaimed often", "unconverged every", "unconverged often"),
    ),
    "a hub that counts wrongly": (lambda: Cast(hub=lambda: Miscounting(kept=KEPT)), ("untrue every", "untrue often")),
    "a hub that confuses prices": (lambda: Cast(hub=lambda: Confused(kept=KEPT)), ("untrue every",)),
    "a ring that forgets silently": (lambda: Cast(hub=WithHoledRing), ("needless trusting", "needless every")),
    "a reading of the log that leaves out ticks": (
        lambda: Cast(gateway=Skipping),
        ("needless every", "needless trusting"),
    ),
    "a resume that begins one tick late": (
        lambda: Cast(readers=readers(LateResume)),
        ("unresumed trusting", "unaccounted every"),
    ),
    "a resume that begins one tick early": (
        lambda: Cast(readers=readers(EarlyResume)),
        ("inexact_gaps trusting", "unresumed trusting"),
    ),
    "a watch that does not know what the reader has": (
        lambda: Cast(readers=readers(Unguarded)),
        ("repeated trusting", "out_of_order trusting"),
    ),
    "a heartbeat that claims to have read everything": (
        lambda: Cast(gateway=Boastful),
        ("overclaimed every", "overclaimed trusting"),
    ),
}


@pytest.mark.parametrize("seed", range(40))
def test_right_build_passes(seed: int) -> None:
    """Nothing is found in what a system tells that is not broken."""
    assert rehearse(seed).faults() == {}


@pytest.mark.parametrize("build", BROKEN)
def test_broken_build_is_found(build: str) -> None:
    """Every way to break it is found, and by the validators that are there for it."""
    cast, expected = BROKEN[build]
    found = set[str]()
    for seed in SEEDS:
        found |= rehearse(seed, cast()).faults().keys()

    assert set(expected) <= found


def test_sdk_saves_its_program_from_a_gateway_without_a_guard() -> None:
    """What comes twice from a broken gateway does not come twice out of the SDK."""
    faults = rehearse(0, Cast(readers=readers(Unguarded))).faults()

    assert "repeated trusting" in faults
    assert "repeated every" not in faults


class Amnesiac(Acceptance):
    """Takes what is published again for another tick."""

    def accept(self, record: Record) -> AcceptedTick | Reason:
        """Accept a record whoever published it."""
        anonymous = replace(record.tick, publisher_id="", publisher_sequence=0)
        return super().accept(replace(record, tick=anonymous))


@pytest.mark.parametrize("acceptance", [Acceptance, Amnesiac])
def test_acceptance_that_forgets_publishers_is_found(acceptance: type[Acceptance]) -> None:
    """What was sent again after UNKNOWN is in the log once; where it is twice, that is found."""
    sequence = count(1)
    log = acceptance(1)
    evidence = Evidence()
    for number in range(1, 10):
        tick = Tick("AAPL", f"{number}.5", publisher_id="p", publisher_sequence=number)
        for outcome in (PublishOutcome.UNKNOWN, PublishOutcome.ACCEPTED)[number % 2 :]:
            place = next(sequence)
            accepted = log.accept(Record(0, place, place, "AAPL", tick))
            if isinstance(accepted, AcceptedTick):
                evidence.truth.setdefault("AAPL", []).append(accepted)
            answered = place if outcome is PublishOutcome.ACCEPTED else 0
            evidence.answers.append(Answer(place, "AAPL", tick.price, outcome, answered))

    assert bool(undurable(evidence.answers, evidence.truth)) is (acceptance is Amnesiac)
    assert unsent(evidence.answers, evidence.truth) == []


@pytest.mark.parametrize("guarded", [True, False])
def test_price_table_without_its_guard_is_found(postgres_url: str, *, guarded: bool) -> None:
    """A member of the sync group that comes late changes nothing; without the guard of the table it would be found."""
    upgrade(postgres_url)
    keep_history(postgres_url)
    statement = price_table._MERGE_ARRAYS
    unguarded, guard, _ = statement.partition(" WHERE (latest_price.epoch_ordinal")
    assert guard
    ticks = [AcceptedTick("AAPL", f"{number}.5", "", number, number, 10 * number, number) for number in (1, 2, 3)]
    with psycopg.connect(postgres_url) as connection:
        connection.execute("INSERT INTO log_epoch (epoch, create_time_ns) VALUES ('one', 1)")
        for tick in (ticks[0], ticks[2], ticks[1]):
            row = (tick.stock_id, tick.price, "", tick.trade_time, tick.accept_time, tick.sequence, tick.tick_number)
            arrays = [[value] for value in (*row, "[]")]
            connection.execute((statement if guarded else unguarded).encode(), (1, 0, *arrays))
    rows = versions(postgres_url)

    assert bool(went_back(rows)) is not guarded
    assert bool(unstored(rows, {"AAPL": ticks})) is not guarded
