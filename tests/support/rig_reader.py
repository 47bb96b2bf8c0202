"""A program that follows prices at gateways without a network: the SDK's own intake, on a virtual clock."""

from __future__ import annotations

from ticker.v1 import watch_service_pb2

from tests.support.fanout_rig import SECOND, FanoutRig
from tests.support.history import Begun, History, Seen
from tests.support.recording_sink import RecordingSink
from ticker_client import Disconnected, LagPolicy, Position, Resume, Update
from ticker_client.buffer import EventBuffer
from ticker_client.continuity import Continuity
from ticker_client.decoding import gap_of, heartbeat_of, kind_of, opened_of
from ticker_client.events import CaughtUp, Event, Opened
from ticker_client.instants import nanoseconds_of
from ticker_client.intake import Intake
from ticker_server.fanout.following import Following
from ticker_server.fanout.registry import ALWAYS
from ticker_server.fanout.watch import Watch
from ticker_server.model.subscription import EVERY_TICK

Response = watch_service_pb2.WatchStocksResponse


class RigReader:
    """Follows stocks ad hoc at one gateway after the other; what it is told is its history.

    `trusting` leaves the SDK's account of the numbers out: the history is what gateways have said, word by word.
    `following` is how a gateway follows a stock for it.
    """

    def __init__(
        self,
        *stock_ids: str,
        cadence: int = EVERY_TICK,
        trusting: bool = False,
        following: type[Following] = Following,
    ) -> None:
        self.history: History = []
        self._stock_ids = stock_ids
        self._cadence = cadence
        self._trusting = trusting
        self._following = following
        self._positions: dict[str, Position] = {}
        self._epoch = ""
        self._watch: Watch | None = None
        self._now = 0.0
        self._begin_program(None)

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._watch is not None

    def open(self, rig: FanoutRig) -> None:
        """Open a stream at a gateway, from where the reader stands."""
        assert self._watch is None
        resume = self._stands()
        self._intake.begin()
        if self._trusting and self._epoch:
            self._note(Begun(resume))  # nobody remembers what it was told besides its position
        self._clock = rig.clock
        watch, _ = rig.register(RecordingSink(self._take))
        known = {position.stock_id: position for position in resume.positions}
        followings = []
        for stock_id in self._stock_ids:
            following = self._following(rig.hub.quote(stock_id), self._cadence, ALWAYS)
            if stock_id in known:
                following.resume(known[stock_id].sequence, known[stock_id].tick_number)
            followings.append(following)
        self._watch = watch
        rig.registry.begin(watch, followings)

    def cut(self) -> None:
        """Lose the stream."""
        assert self._watch is not None
        self._watch.close()
        self._watch = None
        self._intake.tell(Disconnected("WATCH_BROKEN", "the link was cut"))
        self._drain()

    def restart(self) -> None:
        """End the program, and begin another one from what the first has written down."""
        if self._watch is not None:
            self.cut()
        self._begin_program(Resume.from_json(self._stands().to_json()))

    def _begin_program(self, resume: Resume | None) -> None:
        self._buffer = EventBuffer(capacity=100_000, lag_policy=LagPolicy.CONFLATE)
        self._intake = Intake(self._buffer, Continuity(every_tick=self._cadence == EVERY_TICK), resume)
        self._note(Begun(resume))

    def _stands(self) -> Resume:
        return Resume(self._epoch, tuple(self._positions.values())) if self._trusting else self._intake.resume()

    def _take(self, message: Response) -> None:
        self._now = self._clock.monotonic() / SECOND
        if self._trusting:
            for event in _words_of(message):
                self._note(event)
            return
        self._intake.take(message)
        self._drain()

    def _drain(self) -> None:
        while (event := self._buffer.take()) is not None:
            self._note(event)

    def _note(self, event: Event | Begun) -> None:
        if isinstance(event, Opened):
            self._epoch = event.log_epoch
        elif isinstance(event, Update):
            self._positions[event.stock_id] = Position(event.stock_id, event.sequence, event.tick_number)
        self.history.append(Seen(self._now, event))


def _words_of(message: Response) -> list[Event]:
    """Return what a message says, with nothing computed, in its order."""
    words: list[Event] = []
    if message.HasField("opened"):
        words.append(opened_of(message.opened))
    words += [gap_of(gap) for gap in message.gaps]
    sent = nanoseconds_of(message.sent_time)
    words += [Update(update, kind_of(message.kind), 0, sent) for update in message.updates]
    if message.HasField("caught_up"):
        words.append(CaughtUp(message.caught_up.replayed_count))
    if message.HasField("heartbeat"):
        words.append(heartbeat_of(message.heartbeat))
    return words
