"""A small system without network and disk: one price log, gateways that read it, and readers that come and go."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.evidence import Evidence
from tests.support.fanout_rig import SECOND, FanoutRig
from tests.support.rig_reader import RigReader
from tests.support.validators import Answer, Row
from tests.support.virtual_clock import VirtualClock
from ticker_client import PublishOutcome
from ticker_server.fanout.hub import Hub
from ticker_server.model.feed_status import FeedState, FeedStatus
from ticker_server.model.tick import AcceptedTick

STOCKS = ("AAPL", "MSFT", "TSLA")
FREQUENCY = SECOND
KEPT = 12
"""So few ticks are kept in memory for readers that come back that some of them need the log."""
HELD = 60
"""So few ticks are held by the log that some of them must be told of a gap."""
STORED_EVERY = 10


class GatewayRig(FanoutRig):
    """A gateway that reads a log, as far as it is told to."""

    def __init__(self, log: list[AcceptedTick], clock: VirtualClock, hub: Hub) -> None:
        super().__init__(*STOCKS, hub=hub, clock=clock)
        self.position = 0
        self._log = log

    def read(self, through: int) -> None:
        """Read the log up to a position, and publish what is there."""
        ticks, self.position = self._log[self.position : through], through
        for watch in self.hub.publish(ticks):
            watch.pull()

    def reread_some(self, at_a_time: int) -> None:
        """Fill what readers want of the log, which has been pruned; it may be ahead of what this gateway has read."""
        pruned = self._log[:-HELD]
        self.reread(pruned[-1].sequence if pruned else 0, at_a_time=at_a_time)

    def log_ticks(self) -> list[AcceptedTick]:
        """Return the ticks of the log, in its order."""
        return self._log

    def feed_status(self) -> FeedStatus:
        """Return how far the log has been read: up to the oldest tick that was not."""
        is_behind = self.position < len(self._log)
        read = self._log[self.position].accept_time if is_behind else self.clock.wall()
        return FeedStatus(FeedState.LIVE, since=SECOND, read_through=read)


@dataclass
class Cast:
    """The parts of a rehearsal, each of which may be exchanged for one that is broken."""

    hub: Callable[[], Hub] = lambda: Hub(kept=KEPT)
    gateway: type[GatewayRig] = GatewayRig
    readers: dict[str, RigReader] = field(
        default_factory=lambda: {
            "every": RigReader(*STOCKS),
            "often": RigReader(*STOCKS, cadence=FREQUENCY),
            "trusting": RigReader(*STOCKS, trusting=True),
        }
    )


def rehearse(seed: int, cast: Cast | None = None, *, steps: int = 400) -> Evidence:
    """Let a random part of a day pass, with its end in peace; return what was recorded of it."""
    return _Rehearsal(seed, cast or Cast()).run(steps)


class _Rehearsal:
    """The log, two gateways, and what happens."""

    def __init__(self, seed: int, cast: Cast) -> None:
        self._rng = random.Random(seed)
        self._clock = VirtualClock()
        self._log: list[AcceptedTick] = []
        self._gateways = [cast.gateway(self._log, self._clock, cast.hub()) for _ in range(2)]
        self._readers = list(cast.readers.values())
        self._evidence = Evidence({name: reader.history for name, reader in cast.readers.items()})
        self._evidence.notes["seed"] = seed

    def run(self, steps: int) -> Evidence:
        # Of a stock without a price a reader has no position, so it cannot go on from there.
        self._trade_all()
        for reader in self._readers:
            reader.open(self._rng.choice(self._gateways))
        for _ in range(steps):
            act = self._rng.choices((self._tick, self._read, self._come_or_go, self._restart), (6, 6, 2, 1))[0]
            act()
            self._clock.advance(self._rng.choice((0, 0.05, 0.3)))
        self._settle()
        held: dict[str, int] = {}
        for tick in self._log[-HELD:]:
            held.setdefault(tick.stock_id, tick.tick_number)
        self._evidence.notes["held"] = held
        return self._evidence

    def _tick(self) -> None:
        """Accept a tick of some stock."""
        self._trade(self._rng.choice(STOCKS))

    def _trade_all(self) -> None:
        """Accept a tick of each stock, and let all gateways read everything."""
        for stock_id in STOCKS:
            self._trade(stock_id)
        for gateway in self._gateways:
            gateway.read(len(self._log))

    def _trade(self, stock_id: str) -> None:
        ticks = self._evidence.truth.setdefault(stock_id, [])
        now, number, place = self._clock.wall(), len(ticks) + 1, 10 * (len(self._log) + 1)
        tick = AcceptedTick(stock_id, f"{number}.5", "", now, now, place, number)
        ticks.append(tick)
        self._log.append(tick)
        at = self._clock.monotonic() / SECOND
        self._evidence.answers.append(Answer(at, stock_id, tick.price, PublishOutcome.ACCEPTED, place))
        if len(self._log) % STORED_EVERY == 0:
            self._store()

    def _store(self) -> None:
        """Store the newest ticks, where they are newer than what is stored."""
        stored = {row.stock_id: row for row in self._evidence.rows}
        for stock_id, ticks in self._evidence.truth.items():
            newest = ticks[-1]
            if stock_id not in stored or stored[stock_id].sequence < newest.sequence:
                self._evidence.rows.append(Row(stock_id, 1, newest.sequence, newest.tick_number, newest.price))

    def _read(self) -> None:
        """Let a gateway read some of what is there."""
        gateway = self._rng.choice(self._gateways)
        gateway.read(self._rng.randint(gateway.position, len(self._log)))
        gateway.reread_some(self._rng.randint(1, 9))

    def _come_or_go(self) -> None:
        """Let a reader lose its stream, or come back to either gateway."""
        reader = self._rng.choice(self._readers)
        reader.cut() if reader.is_open else reader.open(self._rng.choice(self._gateways))

    def _restart(self) -> None:
        """Let a reader begin anew as a program."""
        reader = self._rng.choice(self._readers)
        reader.restart()

    def _settle(self) -> None:
        """Let gateways read everything and readers come back, one more price come for each, and some heartbeats."""
        for reader in self._readers:
            if not reader.is_open:
                reader.open(self._rng.choice(self._gateways))
        for gateway in self._gateways:
            gateway.reread_some(5)
        for _ in range(3):
            self._trade_all()
            for gateway in self._gateways:
                gateway.reread_some(5)
            self._clock.advance(10)
        self._store()
