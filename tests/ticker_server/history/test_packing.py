"""A state as one value."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ticker_server.history.test_price_rows import NUMBERINGS, told
from ticker_server.history.packing import FORMAT, Unreadable, pack, unpack
from ticker_server.model.acceptance import Acceptance, Numbering, Record
from ticker_server.model.tick import AcceptedTick, Tick

SECOND = 1_000_000_000
RECORDS = st.lists(
    st.tuples(
        st.integers(0, 100),  # the log's clock, in seconds: it may step back
        st.sampled_from(["AAPL", "MSFT", "GOOG", "BRK.B"]),
        st.sampled_from(["", "alpha", "beta", "gamma"]),
        st.integers(1, 6),
        st.none() | st.integers(0, 120),
    ),
    max_size=60,
)


@given(st.lists(NUMBERINGS))
def test_nothing_is_lost(numberings: list[Numbering]) -> None:
    """What is packed and unpacked is the same, digits and the order of the publishers included."""
    read = unpack(pack(numberings))

    assert [told(numbering) for numbering in read] == [told(numbering) for numbering in numberings]


def test_nothing_is_lost_of_many_stocks() -> None:
    """A state of more stocks than a line holds comes back in its order, with a publisher that only the last one has."""
    ticks = [AcceptedTick(f"S{number}", "1.50", "", 1, 2, number + 1, 1) for number in range(1_201)]
    numberings = [Numbering(tick, {"alpha": tick.sequence}) for tick in ticks]
    numberings[-1].publishers["omega"] = 2**63 - 1
    read = unpack(pack(numberings))

    assert [told(numbering) for numbering in read] == [told(numbering) for numbering in numberings]


def fold(acceptance: Acceptance, records: Sequence[tuple[int, str, str, int, int | None]], after: int) -> list[object]:
    """Fold records that stand after a position; return everything that becomes of each."""
    verdicts: list[object] = []
    for sequence, (seconds, stock_id, publisher, number, traded) in enumerate(records, start=after + 1):
        tick = Tick(
            stock_id, "1", "", None if traded is None else traded * SECOND, publisher, number if publisher else 0
        )
        verdict = acceptance.accept(Record(0, sequence, seconds * SECOND, stock_id, tick))
        verdicts.append(told(Numbering(verdict)) if isinstance(verdict, AcceptedTick) else verdict)
    return verdicts


@given(RECORDS, RECORDS)
def test_fold_goes_on_from_an_unpacked_state(
    before: list[tuple[int, str, str, int, int | None]], after: list[tuple[int, str, str, int, int | None]]
) -> None:
    """From an unpacked state the fold goes on as if it had not been packed: numbers, repeats, flattened accept times."""
    unbroken = Acceptance(1)
    fold(unbroken, before, 0)
    resumed = Acceptance(1, unpack(pack(list(unbroken.numberings.values()))))

    assert fold(resumed, after, len(before)) == fold(unbroken, after, len(before))


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        bytes([FORMAT + 1]) + pack([])[1:],
        pack([])[:-1],
        bytes([FORMAT]) + b"no zlib",
        bytes([FORMAT]) + zlib.compress(b"[]\n[[1]]"),
        bytes([FORMAT]) + zlib.compress(b"[]\n7"),
        bytes([FORMAT]) + zlib.compress(b'[]\n[["A"],["1"],[""],[1],[2],[3],[4],[[5,6]]]'),
    ],
)
def test_what_cannot_be_read_is_told(packed: bytes) -> None:
    """A later format and a damaged value are told as such, whatever is wrong with them."""
    with pytest.raises(Unreadable):
        unpack(packed)
