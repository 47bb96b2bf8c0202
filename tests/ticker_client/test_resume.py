"""Where a reader stands, as text and on the wire."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticker.v1 import watch_service_pb2 as wire

from ticker_client.resume import Position, Resume

COUNTS = st.integers(0, 2**64 - 1)
POSITIONS = st.builds(Position, st.text(), COUNTS, COUNTS)
RESUMES = st.builds(Resume, st.text(), st.lists(POSITIONS, unique_by=lambda position: position.stock_id).map(tuple))


@given(RESUMES)
def test_it_survives_as_text(resume: Resume) -> None:
    """What was written as JSON is read back as it was."""
    assert Resume.from_json(resume.to_json()) == resume


def test_the_text_is_an_object() -> None:
    """The JSON names each stock with its sequence and tick number."""
    text = Resume("e-1", (Position("AAPL", 70, 7),)).to_json()

    assert json.loads(text) == {"log_epoch": "e-1", "positions": {"AAPL": [70, 7]}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"log_epoch": "e"}',
        '{"log_epoch": 1, "positions": {}}',
        '{"log_epoch": "e", "positions": []}',
        '{"log_epoch": "e", "positions": {"A": [1]}}',
        '{"log_epoch": "e", "positions": {"A": [1, 2, 3]}}',
        '{"log_epoch": "e", "positions": {"A": [-1, 2]}}',
        '{"log_epoch": "e", "positions": {"A": [1, true]}}',
        '{"log_epoch": "e", "positions": {"A": [1, 18446744073709551616]}}',
        '{"log_epoch": "e", "positions": {"A": ["1", 2]}}',
    ],
)
def test_other_text_is_refused(text: str) -> None:
    """What is no position of a watch is a ValueError that says so."""
    with pytest.raises(ValueError, match="no position of a watch"):
        Resume.from_json(text)


def test_what_is_not_watched_can_be_left_out() -> None:
    """Only positions of the watched stocks stay; all stay for all stocks and for saved ones."""
    resume = Resume("e-1", (Position("A", 10, 1), Position("B", 20, 2)))

    assert resume.among(["B", "C"]) == Resume("e-1", (Position("B", 20, 2),))
    assert resume.among(["*"]) == resume.among([]) == resume


def test_it_goes_on_the_wire() -> None:
    """The message has the epoch and each position."""
    assert Resume("e-1", (Position("A", 10, 1),)).to_message() == wire.Resume(
        log_epoch="e-1", positions=[wire.Position(stock_id="A", sequence=10, tick_number=1)]
    )
