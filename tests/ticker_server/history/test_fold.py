"""The fold of one partition."""

from __future__ import annotations

from dataclasses import dataclass

from ticker_server.feed.kafka.records import encode
from ticker_server.history.fold import PartitionFold, StoredPartition
from ticker_server.model.acceptance import Numbering, Reason
from ticker_server.model.tick import AcceptedTick, Tick

PARTITION, PARTITIONS = 0, 1
EMPTY = StoredPartition(0, [])
ACCEPTED_MS = 1_763_900_000_123


@dataclass
class RawRecord:
    """A record as a consumer hands it out."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Skips(list[tuple[int, int, Reason]]):
    """What was skipped."""

    def note(self, partition: int, offset: int, reason: Reason) -> None:
        """Keep it."""
        self.append((partition, offset, reason))


def fold_on(stored: StoredPartition, skips: Skips | None = None) -> PartitionFold:
    """Return a fold that goes on from a stored state."""
    return PartitionFold(PARTITION, PARTITIONS, stored, (Skips() if skips is None else skips).note)


def raw(offset: int, stock_id: str, price: str = "1", publisher: str = "", sequence: int = 0) -> RawRecord:
    """Return a tick's record."""
    key, value = encode(Tick(stock_id, price, "", None, publisher, sequence))
    return RawRecord(offset, ACCEPTED_MS, key, value)


def test_step_has_the_stocks_that_changed() -> None:
    """A step goes from what is stored to what was read, with the newest price of each stock that changed."""
    fold = fold_on(EMPTY)
    fold.fold([raw(0, "AAPL"), raw(1, "MSFT"), raw(2, "AAPL", "2.50")], 5)

    step = fold.step()
    assert step is not None
    assert (step.partition, step.read_from, step.next) == (PARTITION, 0, 5)
    assert [(row[0], row[1], row[5], row[6]) for row in step.prices] == [
        ("AAPL", "2.50", 3, 2),
        ("MSFT", "1", 2, 1),
    ]


def test_stored_is_not_due_again() -> None:
    """After a step was stored, the next one goes on from it, with what changed since."""
    fold = fold_on(EMPTY)
    fold.fold([raw(0, "AAPL")], 1)
    first = fold.step()
    assert first is not None
    fold.fold([raw(1, "MSFT")], 2)
    fold.stored(first)

    second = fold.step()
    assert second is not None
    assert (second.read_from, second.next, [row[0] for row in second.prices]) == (1, 2, ["MSFT"])


def test_not_stored_is_due_again() -> None:
    """What could not be stored is in the next step, with its newest price by then."""
    fold = fold_on(EMPTY)
    fold.fold([raw(0, "AAPL"), raw(1, "MSFT")], 2)
    first = fold.step()
    assert first is not None
    fold.not_stored(first)
    fold.fold([raw(2, "AAPL", "7")], 3)

    second = fold.step()
    assert second is not None
    assert (second.read_from, second.next) == (0, 3)
    assert [(row[0], row[1]) for row in second.prices] == [("AAPL", "7"), ("MSFT", "1")]


def test_nothing_read_is_nothing_due() -> None:
    """Without a new record there is no step."""
    assert fold_on(StoredPartition(7, [])).step() is None


def test_skipped_records_move_the_position() -> None:
    """Records that are skipped, and what is no record, move the position and change no stock; each skip is told."""
    skips = Skips()
    fold = fold_on(EMPTY, skips)
    fold.fold([RawRecord(0, ACCEPTED_MS, b"AAPL", None), RawRecord(1, ACCEPTED_MS, b"AAPL", b"\xff")], 9)

    step = fold.step()
    assert step is not None
    assert (step.next, step.prices) == (9, [])
    assert skips == [(PARTITION, 0, Reason.TOMBSTONE), (PARTITION, 1, Reason.MALFORMED)]


def test_whole_state_is_of_the_step() -> None:
    """A whole step has the state of all stocks, changed or not, as it was then."""
    newest = AcceptedTick("AAPL", "1", "", 7, 7, 10, 4)
    fold = fold_on(StoredPartition(10, [Numbering(newest, {"alpha": 3})]))
    fold.fold([raw(10, "MSFT", "2", "beta", 1)], 11)
    step = fold.step(whole=True)
    fold.fold([raw(11, "MSFT", "3", "gamma", 1), raw(12, "AAPL", "4", "alpha", 4), raw(13, "GOOG")], 14)

    assert step is not None
    assert step.state is not None
    assert [(one.newest.stock_id, one.newest.price, one.publishers) for one in step.state] == [
        ("AAPL", "1", {"alpha": 3}),
        ("MSFT", "2", {"beta": 1}),
    ]


def test_fold_goes_on_from_what_is_stored() -> None:
    """Numbers, repeats and accept times go on from the stored state."""
    skips = Skips()
    later = ACCEPTED_MS * 1_000_000 + 5
    newest = AcceptedTick("AAPL", "1", "", later, later, 10, 4)
    fold = fold_on(StoredPartition(10, [Numbering(newest, {"alpha": 3})]), skips)
    fold.fold([raw(10, "AAPL", "2", "alpha", 3), raw(11, "AAPL", "3", "alpha", 4)], 12)

    step = fold.step()
    assert step is not None
    assert step.prices == [("AAPL", "3", "", later, later, 12, 5, '[["alpha",4]]')]
    assert skips == [(PARTITION, 10, Reason.DUPLICATE)]


def test_step_has_the_bars_of_its_ticks() -> None:
    """A step has what its ticks add to the minutes; skipped records add nothing, and nothing comes twice."""
    fold = fold_on(StoredPartition(0, [], ordinal=4))
    fold.fold([raw(0, "AAPL", "2", "alpha", 1), raw(1, "AAPL", "9", "alpha", 1), raw(2, "AAPL", "1")], 3)
    assert fold.held == 1
    step = fold.step()
    assert step is not None
    (bar,) = step.bars
    assert (bar.stock_id, bar.open, bar.close, bar.high, bar.tick_count) == ("AAPL", 2, 1, 2, 2)
    assert (bar.epoch, bar.first_sequence, bar.last_sequence) == (4, 1, 3)

    fold.stored(step)
    fold.fold([], 4)
    second = fold.step()
    assert second is not None
    assert (second.bars, fold.held) == ([], 0)


def test_bars_that_are_not_stored_come_again() -> None:
    """Bars that could not be stored are in the next step, with what was folded meanwhile; the former step stays as it was."""
    fold = fold_on(EMPTY)
    fold.fold([raw(0, "AAPL", "2")], 1)
    first = fold.step()
    assert first is not None
    fold.fold([raw(1, "AAPL", "3")], 2)
    fold.not_stored(first)
    fold.fold([raw(2, "AAPL", "1"), raw(3, "MSFT")], 4)
    second = fold.step()
    assert second is not None

    assert [(bar.stock_id, bar.open, bar.close, bar.tick_count) for bar in second.bars] == [
        ("AAPL", 2, 1, 3),
        ("MSFT", 1, 1, 1),
    ]
    assert [bar.tick_count for bar in first.bars] == [1]


def test_ticks_that_count_already_are_in_no_bar() -> None:
    """What a former fold of the same epoch has counted moves the numbers on, and no bar."""
    fold = fold_on(StoredPartition(0, [], ordinal=3, counted=2))
    fold.fold([raw(0, "AAPL", "1"), raw(1, "AAPL", "2"), raw(2, "AAPL", "3")], 3)
    step = fold.step()
    assert step is not None

    assert [(bar.tick_count, bar.first_sequence) for bar in step.bars] == [(1, 3)]
    assert step.prices[0][6] == 3


def test_ticks_are_kept_where_they_are_stored() -> None:
    """A fold that is told to keeps each accepted tick for the step, also for the next one if that cannot be stored."""
    fold = PartitionFold(PARTITION, PARTITIONS, EMPTY, Skips().note, raw_ticks=True)
    fold.fold([raw(0, "AAPL", "2", "alpha", 1), raw(1, "AAPL", "9", "alpha", 1), raw(2, "AAPL", "1")], 3)
    first = fold.step()
    assert first is not None
    fold.not_stored(first)
    second = fold.step()
    assert second is not None

    for step in (first, second):
        (lines,) = step.ticks.values()
        assert [line.split("\t")[:2] for line in lines] == [["AAPL", "2"], ["AAPL", "1"]]
    assert fold_on(EMPTY).step() is None
