from __future__ import annotations

from datetime import timedelta

import pytest

from ticker_server import errors
from ticker_server.errors import (
    DatabaseUnavailable,
    FieldViolation,
    InvalidArgument,
    LimitExceeded,
    NotBuilt,
    NotFound,
    PriceLogUnavailable,
    ReaderTooSlow,
    ServerDraining,
    StockAlreadyExists,
    StockNotFound,
    TickerError,
    UserNotFound,
    WatchNotFound,
    shown,
)

EXAMPLES: list[tuple[TickerError, str]] = [
    (StockNotFound("APPL"), 'STOCK_NOT_FOUND: stock "APPL" does not exist; list them with StockService/ListStocks'),
    (StockNotFound("X", field="ticks[3].stock_id"), 'STOCK_NOT_FOUND: ticks[3].stock_id: stock "X" does not exist'),
    (UserNotFound("ana"), 'USER_NOT_FOUND: user "ana" does not exist'),
    (WatchNotFound("w-1"), 'WATCH_NOT_FOUND: watch "w-1" is not open here'),
    (StockAlreadyExists("AAPL", "currency USD"), 'STOCK_ALREADY_EXISTS: stock "AAPL" exists with currency USD'),
    (LimitExceeded("STREAM_LIMIT", "this server", "too many"), "STREAM_LIMIT: too many"),
    (ReaderTooSlow(10_000), "READER_TOO_SLOW: more than 10000 ticks were waiting for this reader"),
    (DatabaseUnavailable("no answer"), "DATABASE_UNAVAILABLE: no answer"),
    (PriceLogUnavailable("no answer"), "PRICE_LOG_UNAVAILABLE: no answer"),
    (ServerDraining(), "SERVER_DRAINING: this server is about to stop"),
    (NotBuilt("ListBars"), "NOT_IMPLEMENTED: ListBars is part of ticker.v1 but this server does not serve it yet"),
]


@pytest.mark.parametrize(("error", "text"), EXAMPLES)
def test_text_reads_alone(error: TickerError, text: str) -> None:
    """The text of an error is its reason and a message that says what is the case."""
    assert str(error).startswith(text)
    assert str(error) == f"{error.reason}: {error.message}"


def test_every_kind_has_an_example() -> None:
    """Each error that is raised has a reason of its own; only those that stand for several have none."""
    kinds = {getattr(errors, name) for name in errors.__all__}
    raised = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, TickerError)}
    abstract = {TickerError, NotFound, errors.Unavailable, InvalidArgument}

    assert raised - abstract == {type(error) for error, _ in EXAMPLES}
    assert len({error.reason for error, _ in EXAMPLES}) == len(EXAMPLES) - 1  # StockNotFound is there twice


def test_invalid_argument_keeps_all_violations() -> None:
    """Bad input has the reason and the text of its first violation, and says how many more there are."""
    first = FieldViolation("ticks[3].price", "INVALID_PRICE", "a price is above zero")
    second = FieldViolation("ticks[4].size", "INVALID_SIZE", "a size is a decimal")

    assert str(InvalidArgument([first])) == "INVALID_PRICE: ticks[3].price: a price is above zero"
    both = InvalidArgument([first, second])
    assert str(both) == "INVALID_PRICE: ticks[3].price: a price is above zero (and 1 more)"
    assert both.violations == (first, second)


@pytest.mark.parametrize("error", [StockNotFound("A"), UserNotFound("A"), WatchNotFound("A")])
def test_missing_resource_is_named(error: NotFound) -> None:
    """What was not found is named with its type, whose last part is what the reason begins with."""
    assert error.resource_name == "A"
    assert error.reason == f"{error.resource_type.removeprefix('ticker.v1.').upper()}_NOT_FOUND"


def test_unavailable_says_when_to_come_back() -> None:
    """What is not possible just now says after which time to try again."""
    assert PriceLogUnavailable("x").retry_after == timedelta(seconds=1)
    assert ServerDraining(retry_after=timedelta(seconds=7)).retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AAPL", '"AAPL"'),
        ("", '""'),
        ("a\nb\x1b[31m", '"a\\nb\\x1b[31m"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("x" * 64, f'"{"x" * 64}"'),
        ("x" * 65, f'"{"x" * 64}..."'),
        ("\u20ac" * 100, f'"{chr(92)}u20ac{(chr(92) + "u20ac") * 63}..."'),
    ],
)
def test_input_is_shown_harmless(text: str, expected: str) -> None:
    """Input of a user is quoted, escaped and cut to 64 characters before it stands in a message."""
    assert shown(text) == expected
