"""What a watch that came back wants of the log once more: a queue that the reader of the log fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ticker_server.model.tick import AcceptedTick

__all__ = ["Reread", "Rereading"]


class Rereading:
    """The ticks of some stocks of one partition, each above its position, on their way from the log to one watch.

    Whoever reads the log says from where it could `begin`, then hands over what it reads with `take`, as long as the
    watch `has_room` and has not `closed` it; `on_change` is called when one of these has changed.
    """

    __slots__ = ("_lose", "_positions", "_pull", "_put", "closed", "has_room", "on_change", "partition", "position")

    def __init__(
        self,
        partition: int,
        positions: Mapping[str, int],
        put: Callable[[AcceptedTick], bool],
        lose: Callable[[str], None],
        pull: Callable[[], None],
    ) -> None:
        self.partition = partition
        self.position = min(positions.values())
        """Through which sequence the partition has been read for it."""
        self.has_room = True
        self.closed = False
        self.on_change: Callable[[], None] = _ignore
        self._positions = positions
        self._put = put
        self._lose = lose
        self._pull = pull

    @property
    def stock_ids(self) -> Sequence[str]:
        """The stocks that are wanted."""
        return list(self._positions)

    def begin(self, position: int) -> None:
        """Note that nothing comes up to a position: what lies between is gone for the stocks whose position is lower."""
        if position > self.position:
            for stock_id, wanted in self._positions.items():
                if wanted < position:
                    self._lose(stock_id)
            self.position = position
        self._pull()

    def take(self, ticks: Sequence[AcceptedTick], position: int) -> None:
        """Take the next ticks of the stocks that are wanted, in order; the partition has been read through a position."""
        for tick in ticks:
            # Who joins a reading under way is handed what it has already, too.
            if tick.sequence > max(self.position, self._positions[tick.stock_id]) and not self._put(tick):
                break
        self.position = max(self.position, position)
        self._pull()

    def set_room(self, *, has_room: bool) -> None:
        """Note whether more can be taken."""
        if has_room is not self.has_room:
            self.has_room = has_room
            self.on_change()

    def close(self) -> None:
        """Want no more."""
        if not self.closed:
            self.closed = True
            self.on_change()


Reread = Callable[[Rereading], None]
"""Lets somebody who reads the log fill a rereading; never waits."""


def _ignore() -> None:
    """Stand in for `on_change` until somebody fills it."""
