"""What a watch wants of the log: a queue between the two."""

from __future__ import annotations

from tests.support.fanout_rig import accepted
from ticker_server.fanout.rereading import Rereading
from ticker_server.model.tick import AcceptedTick


class Watch:
    """What a rereading calls."""

    def __init__(self, **positions: int) -> None:
        self.taken: list[int] = []
        self.lost: list[str] = []
        self.pulls = 0
        self.changes = 0
        self.limit = 100
        self.rereading = Rereading(7, positions, self._put, self.lost.append, self._pull)
        self.rereading.on_change = self._note

    def _put(self, tick: AcceptedTick) -> bool:
        if tick.sequence >= self.limit:
            return False
        self.taken.append(tick.sequence)
        return True

    def _pull(self) -> None:
        self.pulls += 1

    def _note(self) -> None:
        self.changes += 1


def test_ticks_above_each_position() -> None:
    """Each stock's ticks are taken above its own position; the lowest of these is where to begin."""
    watch = Watch(A=5, B=2)
    assert (watch.rereading.partition, watch.rereading.position, watch.rereading.stock_ids) == (7, 2, ["A", "B"])

    watch.rereading.begin(2)
    watch.rereading.take([accepted("A", 4, 0), accepted("B", 5, 0), accepted("A", 6, 0)], 8)

    assert watch.taken == [5, 6]
    assert watch.rereading.position == 8
    assert watch.lost == []
    assert watch.pulls == 2


def test_what_was_read_is_not_taken_again() -> None:
    """Nothing up to where the partition was read is taken once more, and the position never goes back."""
    watch = Watch(A=1)
    watch.rereading.take([accepted("A", 2, 0)], 5)
    watch.rereading.begin(1)
    watch.rereading.take([accepted("A", 2, 0), accepted("A", 3, 0)], 3)
    watch.rereading.take([accepted("A", 6, 0)], 6)

    assert watch.taken == [2, 6]


def test_beginning_above_a_position() -> None:
    """The stocks whose position is below where the log begins have lost something."""
    watch = Watch(A=5, B=2)
    watch.rereading.begin(5)

    assert watch.lost == ["B"]
    assert watch.rereading.position == 5


def test_nothing_more_is_wanted() -> None:
    """Where a tick is not wanted, those behind it are not either."""
    watch = Watch(A=1)
    watch.limit = 3
    watch.rereading.take([accepted("A", 2, 0), accepted("A", 3, 0), accepted("A", 2, 0)], 9)

    assert watch.taken == [2]


def test_changes_are_told_once() -> None:
    """Whoever fills it hears of room and of the end when they change, and only then."""
    watch = Watch(A=1)
    for has_room in (True, False, False, True):
        watch.rereading.set_room(has_room=has_room)
    watch.rereading.close()
    watch.rereading.close()

    assert watch.changes == 3
    assert watch.rereading.closed
