"""The picture of the live board."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.ticker_client.cli.events_of_a_watch import NOON, SECOND, opened, update, watched
from ticker_client.cli.board import Board, export_svg
from ticker_client.cli.board_state import BoardState
from ticker_client.events import (
    CaughtUp,
    Disconnected,
    FeedChanged,
    FeedState,
    Gap,
    GapReason,
    GoAway,
    GoAwayReason,
    UpdateKind,
)

TUESDAY_TEN = datetime(2013, 7, 2, 10, tzinfo=UTC)


@pytest.fixture
def state() -> BoardState:
    """Return a board at noon with two stocks."""
    return board_with({"AAPL": "430.47", "FB": "27.78"})


def board_with(prices: dict[str, str]) -> BoardState:
    """Return a board at noon with stocks at their first prices."""
    state = BoardState("localhost:50051", "ana's stocks", NOON, zone=UTC)
    state.apply(opened(*map(watched, prices)), NOON)
    for stock_id, price in prices.items():
        state.apply(update(stock_id, price, size="19730300", kind=UpdateKind.SNAPSHOT), NOON)
    return state


def lines_of(state: BoardState, *, width: int = 80, height: int = 24) -> list[str]:
    """Return the board as plain text."""
    console = Console(width=width, height=height, file=io.StringIO(), record=True)
    console.print(Board(state))
    return console.export_text().splitlines()


def line_with(state: BoardState, word: str, **size: int) -> list[str]:
    """Return the words of the line that begins with a word."""
    lines = [line.strip("│ ").split() for line in lines_of(state, **size)]
    return next(line for line in lines if line[:1] == [word])


def ansi_of(state: BoardState, *, no_color: bool = False) -> str:
    """Return the board with its colours."""
    console = Console(
        width=80, file=(file := io.StringIO()), force_terminal=True, color_system="standard", no_color=no_color
    )
    console.print(Board(state))
    return file.getvalue()


def test_a_row_tells_price_change_size_time_age_and_superseded(state: BoardState) -> None:
    """The columns stand in the order of their headings."""
    state.apply(update("AAPL", "432.0", size="1200", at=NOON + 3 * SECOND, superseded=1234), NOON + 4 * SECOND)
    state.now = NOON + 10 * SECOND

    assert line_with(state, "Stock") == ["Stock", "Last", "Change", "%", "Size", "Time", "Age", "Superseded"]
    assert line_with(state, "AAPL") == ["AAPL", "▲", "432.0", "+1.53", "+0.36%", "1,200", "12:00:03", "7s", "1,234"]
    assert line_with(state, "FB") == ["FB", "27.78", "0", "+0.00%", "19.7M", "12:00:00", "10s", "0"]


def test_a_falling_price_points_down(state: BoardState) -> None:
    """A change below the first price has its sign, and digits are not rounded."""
    state.apply(update("FB", "27.123456789"), NOON)

    assert line_with(state, "FB")[1:5] == ["▼", "27.123456789", "-0.656543211", "-2.36%"]


def test_what_is_unknown_is_a_dash() -> None:
    """A stock without a price, and a price without a size, show dashes."""
    state = board_with({})
    state.apply(opened(watched("NEW"), watched("FB")), NOON)
    state.apply(update("FB", "1", at=NOON - 86_400 * SECOND), NOON)

    assert line_with(state, "NEW") == ["NEW", "no", "price", "-", "-", "-", "-", "-", "-"]
    assert line_with(state, "FB")[4:7] == ["-", "2013-06-30", "1d"]


def test_windows_have_a_column_when_one_is_closed(state: BoardState) -> None:
    """A closed stock says when it opens; with all open there is nothing to say."""
    assert "Window" not in line_with(state, "Stock")

    state.apply(opened(watched("GOOG", next_open=TUESDAY_TEN)), NOON)
    state.rows["FB"].open_now = False

    assert line_with(state, "GOOG")[-2:] == ["Tue", "10:00"]
    assert line_with(state, "FB")[-1] == "closed"
    assert line_with(state, "AAPL")[-1] == "open"


def test_the_footer_tells_feed_target_rate_and_gaps(state: BoardState) -> None:
    """The last line says how the stream is doing."""
    state.now = NOON + SECOND
    assert "feed LIVE   localhost:50051   2.0 updates/s   no gaps" in lines_of(state)[-2]

    state.apply(Gap("AAPL", 3, 9, GapReason.READER_LAGGED), NOON + SECOND)
    state.apply(FeedChanged(FeedState.DOWN, None), NOON + SECOND)
    state.apply(opened(refused=("NOPE",)), NOON + SECOND)
    state.apply(GoAway(GoAwayReason.DRAINING, timedelta(0)), NOON + SECOND)
    footer = lines_of(state, width=100)[-2]
    for words in ("feed DOWN", "1 gap (7 ticks)", "1 refused", "leaving: DRAINING"):
        assert words in footer


def test_the_footer_tells_a_break(state: BoardState) -> None:
    """While there is no stream the last line says that the watch is coming back, and why."""
    state.apply(Disconnected("HEARTBEAT_MISSED", "nothing came"), NOON)

    assert "reconnecting (HEARTBEAT_MISSED)" in lines_of(state)[-2]


def test_the_footer_tells_a_replay(state: BoardState) -> None:
    """The last line says that what is shown is of the past, until the board has caught up or the replay is complete."""
    tick = update("AAPL", "431.0", number=2, at=NOON - 86_400 * SECOND, kind=UpdateKind.REPLAY)
    footers = []
    for event in (tick, CaughtUp(1), GoAway(GoAwayReason.REPLAY_COMPLETE, timedelta(0))):
        state.apply(event, NOON)
        footers.append(lines_of(state, width=100)[-2])

    assert ["replaying" in footer for footer in footers] == [True, False, False]
    assert ["replay complete" in footer for footer in footers] == [False, False, True]
    assert "leaving" not in footers[-1]
    assert line_with(state, "AAPL")[1:3] == ["▲", "431.0"]
    assert {"2013-06-30", "1d"} <= set(line_with(state, "AAPL"))


def test_an_empty_board_says_what_it_waits_for() -> None:
    """Before the watch is open, and when nothing is followed, there are words instead of rows."""
    state = BoardState("localhost:50051", "ana's stocks", NOON)
    assert any("opening the watch" in line for line in lines_of(state))
    assert "connecting" in lines_of(state)[-2]

    state.apply(opened(), NOON)
    assert any("nothing is followed yet" in line for line in lines_of(state))


def test_more_stocks_than_lines_are_counted() -> None:
    """What does not fit on the terminal is told as a number, and the board keeps to the height."""
    state = board_with({f"S{number:03}": "1" for number in range(100)})

    lines = lines_of(state, height=20)

    assert len(lines) < 20
    assert any("and 89 more" in line for line in lines)


def test_a_move_flashes_for_a_moment(state: BoardState) -> None:
    """The price is shown reversed just after it moved, and in the colour of its direction from then on."""
    state.apply(update("AAPL", "431"), NOON + SECOND)
    assert "\x1b[1;7;32m431" in ansi_of(state)

    state.now = NOON + 2 * SECOND
    assert "\x1b[32m431" in ansi_of(state)


def test_no_color_is_respected(state: BoardState) -> None:
    """Without colours the direction is still to be seen."""
    state.apply(update("AAPL", "431"), NOON + 5 * SECOND)

    plain = ansi_of(state, no_color=True)

    assert "▲" in plain
    assert "32m" not in plain


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z0-9][A-Z0-9.-]{0,15}", fullmatch=True),
        st.from_regex(r"[1-9][0-9]{0,11}(\.[0-9]{1,9})?", fullmatch=True),
        min_size=1,
        max_size=5,
    ),
    st.integers(46, 140),
)
def test_a_board_never_breaks_its_frame_nor_cuts_a_price(prices: dict[str, str], width: int) -> None:
    """Whatever the prices and the width, every line fits, and each stock and price is whole."""
    state = board_with(prices)

    lines = lines_of(state, width=width)

    assert all(cell_len(line) <= width for line in lines)
    for stock_id, price in prices.items():
        assert line_with(state, stock_id, width=width)[1] == price


def test_the_picture_is_an_svg_of_the_whole_board(state: BoardState) -> None:
    """The board can be exported as a picture, the same for the same state."""
    svg = export_svg(state)

    text = "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")
    for word in ("AAPL", "430.47", "feed LIVE", "ana's stocks"):
        assert word in text
    assert export_svg(state) == svg
