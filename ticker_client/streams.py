"""The streams of one watch, one after the other: which break is passing, and where the next stream goes on."""

from __future__ import annotations

from collections.abc import Awaitable

from ticker.v1 import watch_service_pb2 as wire

from ticker_client.connection import Connection
from ticker_client.errors import ServerUnreachable, TickerError
from ticker_client.events import Disconnected, GoAwayReason
from ticker_client.instants import timestamp_of
from ticker_client.intake import Intake
from ticker_client.reconnection import Outage, Reconnect, is_passing
from ticker_client.resume import Resume
from ticker_client.stream import News, Stream
from ticker_client.watchdog import CallLater

__all__ = ["OPENINGS", "Streams"]

OPENINGS = 5
"""So often a watch is tried to be opened at first, if the other side turns it away without a word."""


class Streams:
    """Follows streams into the intake of a watch, until the watch is over.

    Args:
        connection: where the streams are opened.
        request: what the program asked for.
        intake: takes the messages, and knows where the watch stands.
        news: called whenever the intake has taken something; see Stream.
        reconnect: by which pauses to come back; None = the first stream is the only one.
        call_later: the timers of the watchdog.
    """

    def __init__(
        self,
        connection: Connection,
        request: wire.WatchStocksRequest,
        intake: Intake,
        news: News,
        *,
        reconnect: Reconnect | None,
        call_later: CallLater | None,
    ) -> None:
        self._connection = connection
        self._request = request
        self._intake = intake
        self._news = news
        self._reconnect = reconnect
        self._pace = reconnect or Reconnect()
        self._call_later = call_later
        self._resumes = True
        self._outage: Outage | None = None
        self._live_since: float | None = None
        self.was_live = False
        """Whether a stream has ever caught up, or come to the end of the replay."""
        self.reconnects = 0
        """How often the watch has come back."""

    @property
    def live(self) -> bool:
        """Whether there is a stream that has caught up."""
        return self._live_since is not None

    async def follow(self) -> None:
        """Follow streams to the planned end of the watch.

        Raises:
            TickerError: what ended the watch otherwise.
        """
        failures = 0
        while True:
            request = self._next_request()
            broken: TickerError | None = None
            try:
                await Stream(self._connection, self._intake, self._take_note, self._call_later).run(request)
            except TickerError as error:
                broken = error
            lasted = self._lasted()
            if broken is not None and self._gives_up_resuming(request, broken):
                continue
            if self._was_turned_away(broken) and failures < OPENINGS - 1:
                failures += 1
                await self._pace.sleep(self._pace.pause(failures, None))
                continue
            if self._is_over(broken):
                return
            failures = 1 if lasted >= self._pace.longest_pause.total_seconds() else failures + 1
            await self._tell_the_break(broken)
            await self._pace.sleep(self._pause(failures, broken))

    def _next_request(self) -> wire.WatchStocksRequest:
        """Return what the next stream asks for: the wish of the program, from where the watch stands."""
        resume = self._intake.resume()
        self._intake.begin()
        if self._outage is not None:
            self._outage.attempts += 1
        request = wire.WatchStocksRequest()
        request.CopyFrom(self._request)
        if self._resumes and resume.log_epoch and self._says_all(resume):
            request.resume.CopyFrom(resume.to_message())
        elif self._intake.replay is not None:
            request.start_time.CopyFrom(timestamp_of(self._intake.replay.start()))
        return request

    def _says_all(self, resume: Resume) -> bool:
        """Tell whether positions say from where to go on; for a replay that is so if every stock has one."""
        if self._intake.replay is None:
            return True
        # Before it has caught up once, a watch may not know yet what all it follows.
        followed = self._intake.followed if self.was_live else ()
        return self._intake.replay.resumes(resume.stock_ids(), followed, self._intake.refused)

    def _take_note(self) -> Awaitable[None] | None:
        """Take note of what a message has brought."""
        self.was_live = self.was_live or self._is_complete
        if self._intake.caught_up and self._live_since is None:
            self._live_since = self._pace.clock()
            self._resumes = self.was_live = True
            if self._outage is not None:
                self.reconnects += 1
                self._intake.tell(self._outage.over(self._live_since, self._intake.replayed_count))
                self._outage = None
        return self._news()

    def _lasted(self) -> float:
        """Return for how many seconds the stream was live; it is no longer."""
        since, self._live_since = self._live_since, None
        return 0.0 if since is None else self._pace.clock() - since

    def _gives_up_resuming(self, request: wire.WatchStocksRequest, broken: TickerError) -> bool:
        """Tell whether the server cannot resume from these positions, so that a fresh stream has to do."""
        if not request.HasField("resume"):
            return False
        if broken.reason == "INVALID_RESUME":
            self._intake.start_anew()
        elif broken.code != "UNIMPLEMENTED":
            return False
        self._resumes = False
        return True

    def _was_turned_away(self, broken: TickerError | None) -> bool:
        """Tell whether the first stream of all was cancelled or reset by the other side before it was opened.

        That is what a server, or a proxy, does to some of thousands that come at once.
        """
        if self._reconnect is None or self._intake.opened is not None or not isinstance(broken, ServerUnreachable):
            return False
        return broken.code == "CANCELLED" or (broken.code == "INTERNAL" and "RST_STREAM" in broken.message)

    @property
    def _is_complete(self) -> bool:
        """Whether the replay has come to its end."""
        farewell = self._intake.go_away
        return farewell is not None and farewell.reason is GoAwayReason.REPLAY_COMPLETE

    def _is_over(self, broken: TickerError | None) -> bool:
        """Tell whether the watch has come to its planned end; raise what broke it for good."""
        if self._is_complete:
            return True
        if broken is None:
            return self._reconnect is None
        if self._reconnect is None or self._intake.opened is None or not is_passing(broken):
            raise broken
        return False

    async def _tell_the_break(self, broken: TickerError | None) -> None:
        """Tell the program once that no prices come for now; a GoAway has told so itself."""
        if self._outage is not None:
            return
        farewell = self._intake.go_away
        if farewell is not None:
            self._outage = Outage(farewell.reason.value, self._pace.clock())
        elif broken is not None:
            self._outage = Outage(broken.reason, self._pace.clock())
            self._intake.tell(Disconnected(broken.reason, broken.message))
        room = self._news()
        if room is not None:
            await room

    def _pause(self, failures: int, broken: TickerError | None) -> float:
        """Return how long to wait, in seconds. The time of a GoAway was drawn by the server already."""
        farewell = self._intake.go_away
        if farewell is not None and farewell.reconnect_after:
            return farewell.reconnect_after.total_seconds()
        return self._pace.pause(failures, None if broken is None else broken.retry_after)
