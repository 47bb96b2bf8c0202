"""Beats: a grid of wall time with a phase from an id."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model.beat import next_beat, phase_of
from ticker_server.model.subscription import MAX_FREQUENCY, MIN_FREQUENCY

FREQUENCIES = st.integers(MIN_FREQUENCY, MAX_FREQUENCY)
INSTANTS = st.integers(0, 4_000_000_000_000_000_000)


def test_phase_is_the_first_8_bytes_of_the_hash() -> None:
    """A phase is computed from the id alone, so that every gateway gets the same."""
    first = int.from_bytes(blake2b(b"ana").digest()[:8], "big")

    assert first % 5_000_000_000 == phase_of("ana", 5_000_000_000)
    assert phase_of("ana", 5_000_000_000) == 1_566_308_425


def test_phases_spread_over_the_frequency() -> None:
    """Phases of many ids fall into each tenth of the frequency about equally often."""
    tenths = [0] * 10
    for user in range(10_000):
        tenths[phase_of(f"user-{user}", 5_000_000_000) // 500_000_000] += 1

    assert min(tenths) > 850
    assert max(tenths) < 1150


@pytest.mark.parametrize(("at", "expected"), [(0, 3), (2, 3), (3, 13), (4, 13), (13, 23)])
def test_next_beat_lies_after_the_instant(at: int, expected: int) -> None:
    """The next beat is never the instant itself."""
    assert expected == next_beat(at, 10, 3)


@given(at=INSTANTS, frequency=FREQUENCIES, identity=st.text())
def test_next_beat_is_the_first_on_the_grid(at: int, frequency: int, identity: str) -> None:
    """The next beat lies on the grid, after the instant and at most one frequency after it."""
    phase = phase_of(identity, frequency)
    beat = next_beat(at, frequency, phase)

    assert 0 <= phase < frequency
    assert (beat - phase) % frequency == 0
    assert at < beat <= at + frequency


@given(
    at=INSTANTS, frequency=st.integers(MIN_FREQUENCY, MAX_FREQUENCY // 50), times=st.integers(1, 50), identity=st.text()
)
def test_grids_of_one_id_meet(at: int, frequency: int, times: int, identity: str) -> None:
    """A grid whose frequency is a multiple of another has no beat of its own, so that both are one message."""
    slow = next_beat(at, frequency * times, phase_of(identity, frequency * times))

    assert (slow - phase_of(identity, frequency)) % frequency == 0
