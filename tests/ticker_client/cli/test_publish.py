"""`ticker publish`."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import bokeh_sampledata
import pytest

from tests.ticker_client.cli.fake_ticker import FakeTicker
from ticker_client.cli.csv_ticks import is_stock_id

Run = Callable[..., Any]

REAL_FILE = Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz"
MAPS = (
    *("--map", "stock_id=Ticker"),
    *("--map", "price=Open,High,Low,Close"),
    *("--map", "size=Volume"),
    *("--map", "trade_time=Date"),
)


def test_a_real_file_is_published_once(run_ticker: Run, ticker: FakeTicker) -> None:
    """Thirteen years of five stocks arrive price by price, digit by digit; published again they change nothing."""
    first = run_ticker("publish", "--csv", str(REAL_FILE), *MAPS, "--create-stocks")

    assert first.code == 0
    assert first.out.startswith("published 48616, duplicate 0, unknown 0, rejected 0 in ")
    assert first.err == ""
    rows = gzip.decompress(REAL_FILE.read_bytes()).decode().splitlines()[1:]
    expected = [(cells[0], price) for cells in (row.split(",") for row in rows) for price in cells[2:6]]
    assert [(tick.stock_id, tick.price) for _, tick in ticker.log] == expected
    volumes = [int(row.split(",")[6]) for row in rows]
    assert sum(Decimal(tick.size) for _, tick in ticker.log if tick.size) == sum(volumes)
    assert all(map(is_stock_id, ticker.stocks))

    again = run_ticker("publish", "--csv", str(REAL_FILE), *MAPS, "--create-stocks")
    assert again.out.startswith("published 0, duplicate 48616, ")


def test_stdin_is_a_file_as_well(run_ticker: Run, ticker: FakeTicker, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--csv -` reads stdin, with one stock for all rows and a zone for its times."""
    text = io.BytesIO(b"Price,Trade_Time\n1.50,2013-07-01 09:30:00\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(text))

    options = ("--stock", "AAPL", "--create-stocks", "--time-zone", "America/New_York", "--speed", "60")
    finished = run_ticker("publish", "--csv", "-", *options, "--json")

    assert finished.entries[0]["published"] == 1
    [(_, tick)] = ticker.log
    assert (tick.stock_id, tick.price, tick.trade_time) == ("AAPL", "1.50", 1_372_685_400 * 10**9)


def test_bad_rows_end_with_exit_code_5(run_ticker: Run, tmp_path: Path) -> None:
    """Rows of a stock that does not exist are named, with the way to create it."""
    path = tmp_path / "prices.csv"
    path.write_text("stock_id,price\nAAPL,1\n")

    finished = run_ticker("publish", "--csv", str(path))

    assert finished.code == 5
    assert finished.err == (
        'bad row: line 2: STOCK_NOT_FOUND: stock "AAPL" does not exist; --create-stocks creates it\n'
    )
    assert finished.out.startswith("published 0, duplicate 0, unknown 0, rejected 1 in ")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--time-zone", "Mars/Olympus"), "INVALID_TIME_ZONE"),
        (("--time-zone", "../etc/passwd"), "INVALID_TIME_ZONE"),
        (("--time-zone", ""), "INVALID_TIME_ZONE"),
        (("--stock", "aapl"), "INVALID_STOCK_ID"),
        (("--stock", "AAPL", "--map", "stock_id=Ticker"), "USAGE"),
        (("--publisher-id", "no spaces"), "INVALID_PUBLISHER"),
        (("--speed", "nan"), "USAGE"),
        (("--speed", "inf"), "USAGE"),
        (("--speed", "-1"), "USAGE"),
        (("--map", "price"), "USAGE"),
    ],
)
def test_options_are_checked_before_the_file(
    run_ticker: Run, ticker: FakeTicker, options: tuple[str, ...], reason: str
) -> None:
    """An option that cannot be meant ends the command with exit code 2 and its reason."""
    finished = run_ticker("publish", "--csv", "missing.csv", *options)

    assert finished.code == 2
    assert finished.out == ""
    assert finished.err.startswith(f"error: {reason}: ")
    assert finished.err.count("\n") == 1
    assert not ticker.batches


def test_a_file_is_needed(run_ticker: Run, tmp_path: Path) -> None:
    """A missing file, a directory and a missing option are told apart."""
    assert "Missing option '--csv'" in run_ticker("publish").err
    assert run_ticker("publish", "--csv", str(tmp_path)).err.startswith("error: FILE_UNREADABLE: ")
    assert run_ticker("publish", "--csv", str(tmp_path / "no.csv")).err.startswith("error: FILE_NOT_FOUND: ")
