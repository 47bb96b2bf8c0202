"""What one connection has to say: its writes, and the turns of those that wait."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.hand_turned import HandTurned
from ticker_server.api.transport.frames.output import Output


class Rig:
    """An output that writes into a list."""

    def __init__(self, *, high: int = 100, served_per_turn: int = 500) -> None:
        self.writes: list[bytes] = []
        self.turns = HandTurned()
        self.output = Output(self.writes.append, self.turns.soon, high=high, served_per_turn=served_per_turn)


class Waiter:
    """Waits in the queue for so many turns, and notes each in `log`."""

    def __init__(self, name: str, rig: Rig, log: list[str], turns: int = 1) -> None:
        self.name, self.log, self.left = name, log, turns
        self.output = rig.output
        self.on_turn: Callable[[], None] = lambda: None

    def take_turn(self) -> None:
        """Have a turn, and queue again for what is left."""
        self.log.append(self.name)
        self.output.write(self.name.encode())
        self.left -= 1
        self.on_turn()
        if self.left:
            self.output.wait(self)


def test_writes_of_a_turn_are_one() -> None:
    """What is written in one turn leaves as one write at its end; a turn in which nothing was written has none."""
    rig = Rig()
    rig.output.write(b"a")
    rig.output.write(b"b")
    assert not rig.writes
    rig.turns.turn()
    assert rig.writes == [b"ab"]
    rig.turns.turn()
    rig.output.write(b"c")
    rig.turns.turn()

    assert rig.writes == [b"ab", b"c"]
    assert not rig.turns.calls


def test_many_bytes_leave_at_once() -> None:
    """Once as much as the limit is there it leaves without waiting for the end of the turn."""
    rig = Rig(high=100)
    rig.output.write(b"x" * 60)
    assert not rig.writes
    rig.output.write(b"y" * 40)
    assert rig.writes == [b"x" * 60 + b"y" * 40]
    rig.output.write(b"z")
    rig.turns.turn_until_idle()

    assert rig.writes[1:] == [b"z"]


def test_flush_leaves_nothing_for_the_end_of_the_turn() -> None:
    """What was flushed by hand is not written again."""
    rig = Rig()
    rig.output.write(b"a")
    rig.output.flush()
    rig.turns.turn_until_idle()

    assert rig.writes == [b"a"]


def test_who_waits_is_served_in_the_order_of_coming() -> None:
    """Those that wait are served first come, first served, once in each round, and each round is one write."""
    rig, log = Rig(), []
    for name, turns in (("a", 2), ("b", 1), ("c", 3)):
        rig.output.wait(Waiter(name, rig, log, turns))
    rounds = []
    while rig.turns.calls:
        rig.turns.turn()
        rounds.append("".join(log))
        log.clear()

    assert [each for each in rounds if each] == ["abc", "ac", "c"]
    assert rig.writes == [b"abc", b"ac", b"c"]


def test_who_waits_twice_has_one_turn() -> None:
    """Queuing again while one waits changes nothing."""
    rig, log = Rig(), []
    waiter = Waiter("a", rig, log)
    rig.output.wait(waiter)
    rig.output.wait(waiter)
    rig.turns.turn_until_idle()

    assert log == ["a"]


def test_turn_of_the_loop_serves_only_so_many() -> None:
    """A long queue takes several turns of the loop, and others have theirs in between."""
    rig, log = Rig(served_per_turn=2), []
    for name in "abcde":
        rig.output.wait(Waiter(name, rig, log))
    rounds = []
    while rig.turns.calls:
        rig.turns.turn()
        rounds.append(len(log))

    assert rounds[:3] == [2, 4, 5]


def test_forgotten_waiter_has_no_turn() -> None:
    """Who is forgotten is not served; to forget one that does not wait is nothing."""
    rig, log = Rig(), []
    waiters = [Waiter(name, rig, log) for name in "abc"]
    rig.output.forget(waiters[0])
    for waiter in waiters:
        rig.output.wait(waiter)
    rig.output.forget(waiters[1])
    rig.turns.turn_until_idle()

    assert log == ["a", "c"]


def test_forgotten_in_the_same_round_has_no_turn() -> None:
    """A turn that makes others give up leaves them out, also all of them."""
    rig, log = Rig(), []
    waiters = [Waiter(name, rig, log) for name in "abc"]
    for waiter in waiters:
        rig.output.wait(waiter)
    waiters[0].on_turn = lambda: [rig.output.forget(waiter) for waiter in waiters] and None
    rig.turns.turn_until_idle()

    assert log == ["a"]


def test_nobody_is_served_while_congested() -> None:
    """While the transport has too much to send, nobody has a turn; afterwards all do."""
    rig, log = Rig(), []
    rig.output.is_congested = True
    for name in "ab":
        rig.output.wait(Waiter(name, rig, log))
    rig.turns.turn_until_idle()
    assert rig.output.is_blocked
    assert not log
    rig.output.is_congested = False
    rig.output.serve_soon()
    rig.turns.turn_until_idle()

    assert log == ["a", "b"]


def test_round_stops_when_the_output_is_blocked() -> None:
    """When the window is used up in the middle of a round, those behind keep their places."""
    rig, log = Rig(), []
    waiters = [Waiter(name, rig, log) for name in "abc"]
    for waiter in waiters:
        rig.output.wait(waiter)

    def use_up() -> None:
        rig.output.window = 0

    waiters[0].on_turn = use_up
    rig.turns.turn_until_idle()
    assert log == ["a"]
    rig.output.grant(1)
    rig.turns.turn_until_idle()

    assert log == ["a", "b", "c"]


def test_credit_that_is_not_enough_serves_nobody() -> None:
    """A negative window that grew is a window only above zero."""
    rig, log = Rig(), []
    rig.output.window = -10
    rig.output.wait(Waiter("a", rig, log))
    rig.output.grant(10)
    rig.turns.turn_until_idle()
    assert not log
    rig.output.grant(1)
    rig.turns.turn_until_idle()

    assert log == ["a"]


def test_data_sent_is_counted_whatever_the_credit() -> None:
    """How much DATA was sent is known from the window alone."""
    output = Rig().output
    assert output.data_sent == 0
    output.window -= 100
    output.grant(70)
    output.window -= 5

    assert output.data_sent == 105


def test_failing_turn_does_not_stop_the_round() -> None:
    """An error in one's turn goes to the loop; the others are served in the next turn."""
    rig, log = Rig(), []
    waiters = [Waiter(name, rig, log) for name in "abc"]
    for waiter in waiters:
        rig.output.wait(waiter)

    def fail() -> None:
        raise ValueError("no")

    waiters[0].on_turn = fail
    told = 0
    while rig.turns.calls:
        try:
            rig.turns.turn()
        except ValueError:
            told += 1

    assert log == ["a", "b", "c"]
    assert told == 1


def test_closed_output_serves_nobody() -> None:
    """After the end nobody has a turn and nothing that waited is written, also when it ends in the middle of a round."""
    rig, log = Rig(), []
    waiters = [Waiter(name, rig, log) for name in "ab"]
    for waiter in waiters:
        rig.output.wait(waiter)
    waiters[0].on_turn = rig.output.close
    rig.turns.turn_until_idle()

    assert log == ["a"]
    assert not rig.writes
    assert rig.output.is_blocked
