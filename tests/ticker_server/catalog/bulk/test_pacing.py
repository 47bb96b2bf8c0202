"""How an import waits for those who relay its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ticker_server.catalog.bulk.pacing import COUNTED_WAITING, MOST_WAITING, OutboxPace


class Outbox:
    """An outbox whose length follows a script; the last length stays. It counts the seconds that were waited."""

    def __init__(self, *lengths: int) -> None:
        self._lengths: Iterator[int] = iter(lengths)
        self._length = 0
        self.waited = 0.0

    def backlog(self) -> int:
        """Return the next length."""
        self._length = next(self._lengths, self._length)
        return self._length

    def sleep(self, seconds: float) -> None:
        """Count a wait."""
        self.waited += seconds

    def pace(self) -> Callable[[], None]:
        """Return what waits for this outbox."""
        return OutboxPace(self.backlog, self.sleep).wait


def test_a_short_outbox_is_not_waited_for() -> None:
    """As long as few changes wait, the next chunk comes at once."""
    outbox = Outbox(MOST_WAITING)

    outbox.pace()()

    assert outbox.waited == 0


def test_a_long_outbox_is_waited_for_while_it_gets_shorter() -> None:
    """Changes that are being relayed go first, however long that takes."""
    lengths = range(MOST_WAITING + 500, MOST_WAITING - 1, -1)
    outbox = Outbox(*lengths)

    outbox.pace()()

    assert round(outbox.waited / 0.05) == 500
    assert outbox.backlog() == MOST_WAITING


def test_nobody_is_waited_for_who_is_not_there() -> None:
    """Where no gateway relays, only the first long outbox costs two seconds."""
    outbox = Outbox(MOST_WAITING + 1)
    wait = outbox.pace()

    wait()
    wait()

    assert round(outbox.waited, 3) == 2.0


def test_a_gateway_that_comes_later_is_waited_for() -> None:
    """Once the outbox is found short, somebody relays again."""
    stuck = [COUNTED_WAITING] * 50
    outbox = Outbox(*stuck, 0, COUNTED_WAITING, 0)
    wait = outbox.pace()
    for _ in range(len(stuck) - 40):
        wait()
    waited = outbox.waited

    wait()
    wait()

    assert outbox.waited == waited + 0.05
