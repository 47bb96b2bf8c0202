"""Publishing rows, and the rows that are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest

from tests.ticker_client.cli.fake_ticker import FakeTicker
from ticker_client.cli.csv_ticks import BadRow, CsvTick, TickRow
from ticker_client.cli.numbering import FileNumbering
from ticker_client.cli.publication import Publication, Tally
from ticker_client.client import TickerClient
from ticker_client.errors import FieldViolation, InvalidArgument, NotFound, PermissionDenied, ServerUnreachable
from ticker_client.models import Tick
from ticker_client.publisher import Publisher

Make = Callable[..., Publication]


@pytest.fixture
def told() -> list[BadRow]:
    """Return the bad rows that were told."""
    return []


@pytest.fixture
async def make(ticker: FakeTicker, told: list[BadRow]) -> Make:
    """Return a maker of publications, with the stocks AAPL and FB."""
    for stock_id in ("AAPL", "FB"):
        await ticker.create_stock(stock_id)

    def publication(*, create_stocks: bool = False, stop_on_error: bool = False) -> Publication:
        return Publication(
            cast("TickerClient", ticker),
            cast("Publisher", ticker.publisher("file")),
            FileNumbering(),
            create_stocks=create_stocks,
            stop_on_error=stop_on_error,
            tell=told.append,
        )

    return publication


def row(line: int, *prices: str, stock_id: str = "AAPL") -> TickRow:
    """Return a row with a tick for each price."""
    return TickRow(
        line, tuple(CsvTick(stock_id, price, "", 5, line * 10 + place) for place, price in enumerate(prices))
    )


def refusing(*prices: str) -> Callable[[Sequence[Tick]], Exception | None]:
    """Return a server's rule that refuses batches with certain prices, and names at most two of them."""

    def rule(ticks: Sequence[Tick]) -> Exception | None:
        error = InvalidArgument("INVALID_PRICE", "no", code="INVALID_ARGUMENT")
        error.violations = tuple(
            FieldViolation(f"ticks[{index}].price", "too odd", "INVALID_PRICE")
            for index, tick in enumerate(ticks)
            if tick.price in prices
        )[:2]
        return error if error.violations else None

    return rule


def published(ticker: FakeTicker) -> list[str]:
    """Return the prices that the log has."""
    return [str(tick.price) for _, tick in ticker.log]


async def test_ticks_are_published_as_they_stand(make: Make, ticker: FakeTicker) -> None:
    """All fields of a tick go to the publisher, an empty size as unknown, with the number in the file as sequence."""
    publication = make()

    await publication.publish([TickRow(2, (CsvTick("AAPL", "1.50", "", None, 1), CsvTick("AAPL", "1.60", "7", 9, 2)))])

    assert ticker.log == [
        ("file", Tick("AAPL", "1.50", None, None, 1)),
        ("file", Tick("AAPL", "1.60", "7", 9, 2)),
    ]
    assert publication.tally == Tally(published=2)


async def test_a_repeated_batch_is_all_duplicates(make: Make, ticker: FakeTicker) -> None:
    """The same rows again change nothing, in another run, too."""
    rows = [row(2, "1", "2"), row(3, "3")]
    await make().publish(rows)

    again = make()
    await again.publish(rows)

    assert again.tally == Tally(duplicate=3)
    assert published(ticker) == ["1", "2", "3"]


async def test_rows_of_unknown_stocks_are_named(make: Make, ticker: FakeTicker, told: list[BadRow]) -> None:
    """A stock that does not exist costs its rows and no others, and is looked up once."""
    publication = make()

    await publication.publish([row(2, "1"), row(3, "2", "3", stock_id="NOPE"), row(4, "4", stock_id="FB")])

    assert published(ticker) == ["1", "4"]
    assert [(bad.line, bad.reason, bad.tick_count) for bad in told] == [(3, "STOCK_NOT_FOUND", 2)]
    assert publication.tally == Tally(published=2, rejected=2)
    assert not publication.stopped


async def test_unknown_stocks_are_created_if_that_is_wished(make: Make, ticker: FakeTicker) -> None:
    """With --create-stocks a new stock is created before its first tick."""
    publication = make(create_stocks=True)

    await publication.publish([row(2, "1", stock_id="NEW")])

    assert "NEW" in ticker.stocks
    assert publication.tally == Tally(published=1)


async def test_a_stock_that_was_deleted_meanwhile_costs_its_own_rows(
    make: Make, ticker: FakeTicker, told: list[BadRow]
) -> None:
    """What was looked up is looked up again when the server says that it is gone."""
    publication = make()
    await publication.publish([row(2, "1"), row(3, "2", stock_id="FB")])
    del ticker.stocks["FB"]

    await publication.publish([row(4, "3"), row(5, "4", stock_id="FB")])

    assert published(ticker) == ["1", "2", "3"]
    assert [bad.line for bad in told] == [5]


async def test_a_stock_that_was_deleted_meanwhile_is_created_again_if_that_is_wished(
    make: Make, ticker: FakeTicker
) -> None:
    """With --create-stocks a stock that goes away during the run comes back with its next tick."""
    publication = make(create_stocks=True)
    await publication.publish([row(2, "1")])
    del ticker.stocks["AAPL"]

    await publication.publish([row(3, "2")])

    assert publication.tally == Tally(published=2)


async def test_a_server_that_contradicts_itself_is_not_asked_for_ever(make: Make, ticker: FakeTicker) -> None:
    """When a stock exists and yet is not found, the error ends the run."""
    ticker.publish_trouble = lambda _: NotFound("STOCK_NOT_FOUND", "no", code="NOT_FOUND")
    publication = make()

    with pytest.raises(NotFound):
        await publication.publish([row(2, "1")])

    assert len(ticker.batches) == 2
    assert publication.tally == Tally()


async def test_rows_that_the_server_refuses_are_named_and_the_rest_is_published(
    make: Make, ticker: FakeTicker, told: list[BadRow]
) -> None:
    """A refused tick costs its whole row; the batch is sent again without those that were named, until it is taken."""
    ticker.publish_trouble = refusing("666", "667", "668")
    publication = make()

    await publication.publish(
        [row(2, "1"), row(3, "2", "666"), row(4, "3"), row(5, "667"), row(6, "668"), row(7, "666", "666"), row(8, "4")]
    )

    assert published(ticker) == ["1", "3", "4"]
    assert [(bad.line, bad.reason, bad.message) for bad in told] == [
        (line, "INVALID_PRICE", "too odd") for line in (3, 5, 6, 7)
    ]
    assert publication.tally == Tally(published=3, rejected=6)


async def test_a_refusal_that_names_no_tick_ends_it(make: Make, ticker: FakeTicker) -> None:
    """What the server refuses as a whole is an error, and no tick is counted."""
    ticker.publish_trouble = lambda _: InvalidArgument("INVALID_PUBLISHER", "no", code="INVALID_ARGUMENT")
    publication = make()

    with pytest.raises(InvalidArgument):
        await publication.publish([row(2, "1")])

    assert publication.tally == Tally()


async def test_it_stops_at_the_first_bad_row_if_that_is_wished(
    make: Make, ticker: FakeTicker, told: list[BadRow]
) -> None:
    """With --stop-on-error the rows before the bad one are published, and no later ones."""
    ticker.publish_trouble = refusing("666")
    publication = make(stop_on_error=True)

    await publication.publish([row(2, "1"), row(3, "666"), row(4, "2"), row(5, "666")])

    assert published(ticker) == ["1"]
    assert [bad.line for bad in told] == [3]
    assert publication.stopped
    assert publication.tally == Tally(published=1, rejected=1)


async def test_ticks_without_an_answer_are_unknown_and_stop_it(make: Make, ticker: FakeTicker) -> None:
    """An unknown outcome ends the run, because later ticks would make the server take it for a repeat."""
    ticker.unanswered_prices = {"2"}
    publication = make()

    await publication.publish([row(2, "1"), row(3, "2")])

    assert publication.tally == Tally(published=1, unknown=1)
    assert publication.stopped


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (ServerUnreachable("gone"), 2),
        (asyncio.CancelledError(), 2),
        (PermissionDenied("ROLE_REQUIRED", "no", code="PERMISSION_DENIED"), 0),
    ],
)
async def test_ticks_on_their_way_are_unknown_when_it_breaks(
    make: Make, ticker: FakeTicker, error: BaseException, unknown: int
) -> None:
    """What may or may not have arrived is counted as unknown; what was refused is not."""

    def trouble(_: Sequence[Tick]) -> Exception | None:
        raise error

    ticker.publish_trouble = trouble
    publication = make()

    with pytest.raises(type(error)):
        await publication.publish([row(2, "1", "2")])

    assert publication.tally == Tally(unknown=unknown)
    assert publication.tally.total == unknown
