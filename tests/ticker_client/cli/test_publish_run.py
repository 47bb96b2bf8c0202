"""One run over a file, to the summary line."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from tests.ticker_client.cli.fake_ticker import FakeTicker
from ticker_client.cli.failures import CommandError, ExitCode
from ticker_client.cli.price_file import open_price_file
from ticker_client.cli.publish_run import PublishPlan, PublishRun
from ticker_client.client import TickerClient
from ticker_client.errors import ServerUnreachable
from ticker_client.models import Tick

PLAN = PublishPlan(
    mapping={},
    stock_id="AAPL",
    zone=ZoneInfo("UTC"),
    publisher_id="",
    speed=0,
    create_stocks=True,
    stop_on_error=False,
    json=False,
)


async def publish(ticker: FakeTicker, folder: Path, text: str, plan: PublishPlan = PLAN) -> ExitCode:
    """Publish a text as a file."""
    path = folder / "prices.csv"
    path.write_text(text)
    with open_price_file(str(path), io.BytesIO()) as file:
        return await PublishRun(file, plan).publish(cast("TickerClient", ticker))


def summary(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line of stdout without its time."""
    line = capsys.readouterr().out.splitlines()[-1]
    counts, _, seconds = line.rpartition(" in ")
    assert seconds.endswith(" s")
    assert float(seconds.removesuffix(" s")) >= 0
    return counts


async def test_a_file_is_published_in_batches(
    ticker: FakeTicker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ticks go out in the order of the file, at most 1000 at once, and are summed up at the end."""
    text = "price\n" + "".join(f"{number}\n" for number in range(1, 2502))

    assert await publish(ticker, tmp_path, text) is ExitCode.OK

    assert [len(batch) for batch in ticker.batches] == [1000, 1000, 501]
    assert [int(str(tick.price)) for _, tick in ticker.log] == list(range(1, 2502))
    assert summary(capsys) == "published 2501, duplicate 0, unknown 0, rejected 0"


async def test_the_same_file_again_is_all_duplicates(
    ticker: FakeTicker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run publishes nothing, also after rows that were bad; another mapping is another publication."""
    text = "price,other\n1,7\nx,8\n3,9\n"
    await publish(ticker, tmp_path, text)

    assert await publish(ticker, tmp_path, text) is ExitCode.TICKS_NOT_PUBLISHED
    assert summary(capsys) == "published 0, duplicate 2, unknown 0, rejected 1"

    await publish(ticker, tmp_path, text, replace(PLAN, mapping={"price": ("other",)}))
    assert summary(capsys) == "published 3, duplicate 0, unknown 0, rejected 0"


async def test_a_chosen_publisher_has_trade_times_as_sequences(ticker: FakeTicker, tmp_path: Path) -> None:
    """With --publisher-id the sequences are trade times in ns, made strictly increasing."""
    text = "trade_time,price\n1970-01-02,1\n1970-01-02,2\n"

    await publish(ticker, tmp_path, text, replace(PLAN, publisher_id="feed"))

    day = 86_400 * 10**9
    assert [(name, tick.publisher_sequence) for name, tick in ticker.log] == [("feed", day), ("feed", day + 1)]


async def test_bad_rows_are_named_and_skipped(
    ticker: FakeTicker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each bad row is a line on stderr with its place and reason, and the exit code says that there were some."""
    code = await publish(ticker, tmp_path, 'price\n1\n\n-1\n2,3\n"4\n')

    assert code is ExitCode.TICKS_NOT_PUBLISHED
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        'bad row: line 4: INVALID_PRICE: price "-1": write 1-12 digits, and at most 9 after a point',
        "bad row: line 5: INVALID_ROW: it has 2 columns, the header has 1",
        "bad row: line 6: INVALID_ROW: unexpected end of data",
    ]
    assert "published 1, duplicate 0, unknown 0, rejected 3" in captured.out


async def test_it_may_stop_at_the_first_bad_row(
    ticker: FakeTicker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --stop-on-error what stands before the bad row is published, and what follows is not."""
    code = await publish(ticker, tmp_path, "price\n1\nx\n2\ny\n", replace(PLAN, stop_on_error=True))

    assert code is ExitCode.TICKS_NOT_PUBLISHED
    assert summary(capsys) == "published 1, duplicate 0, unknown 0, rejected 1"


async def test_a_run_that_breaks_is_summed_up_as_well(
    ticker: FakeTicker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the server goes away the last line still says how far the run came."""

    def trouble(ticks: Sequence[Tick]) -> Exception | None:
        return ServerUnreachable("gone") if len(ticks) < 1000 else None

    ticker.publish_trouble = trouble

    with pytest.raises(ServerUnreachable):
        await publish(ticker, tmp_path, "price\n" + "1\n" * 1001)

    assert summary(capsys) == "published 1000, duplicate 0, unknown 1, rejected 0"


async def test_the_summary_is_json_if_that_is_wished(
    ticker: FakeTicker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Programs read the counts as one object."""
    await publish(ticker, tmp_path, "price\n1\n", replace(PLAN, json=True))

    entry = json.loads(capsys.readouterr().out)
    assert entry.pop("seconds") >= 0
    assert entry == {"published": 1, "duplicate": 0, "unknown": 0, "rejected": 0}


async def test_a_header_alone_publishes_nothing(
    ticker: FakeTicker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without rows is no error."""
    assert await publish(ticker, tmp_path, "price\n") is ExitCode.OK
    assert not ticker.batches
    assert summary(capsys) == "published 0, duplicate 0, unknown 0, rejected 0"


@pytest.mark.parametrize(
    ("text", "plan", "message"),
    [
        ("\n\n", PLAN, "has no header row"),
        ('"price\n1\n', PLAN, "no readable header"),
        ("cost\n1\n", PLAN, 'prices.csv: no column "price" among cost'),
        ("price\n1\n", replace(PLAN, stock_id=""), 'no column "stock_id"'),
        ("a,p", replace(PLAN, mapping={"price": ("p",) * 1001}), "at most 1000 ticks"),
    ],
)
async def test_a_file_that_has_not_the_columns_is_refused(
    ticker: FakeTicker, tmp_path: Path, text: str, plan: PublishPlan, message: str
) -> None:
    """A missing header or column ends it before anything is published."""
    with pytest.raises(CommandError, match=message) as caught:
        await publish(ticker, tmp_path, text, plan)

    assert caught.value.exit_code == 2
    assert not ticker.batches
