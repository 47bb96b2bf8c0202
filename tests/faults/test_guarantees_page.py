"""What docs/guarantees.md says about checking and proving: its code does what it says, and its names exist."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import ticker_client
from tests.support import validators
from tests.support.rehearsal import rehearse
from ticker_client import Gap, Update, UpdateKind
from ticker_server.catalog import upgrade

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()
ROW = (
    "INSERT INTO latest_price (stock_id, epoch_ordinal, log_partition, price_text, size_text, trade_time_ns,"
    " accept_time_ns, sequence, tick_number, publishers) VALUES ('AAPL', %s, 0, '1.5', '', 1, 1, %s, 1, '[]')"
    " ON CONFLICT (stock_id) DO UPDATE SET epoch_ordinal = excluded.epoch_ordinal, sequence = excluded.sequence"
)


def code(language: str) -> str:
    """Return the first block of code in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def check() -> Callable[[Any], Awaitable[None]]:
    """Return what the page offers to readers."""
    names = {name: getattr(ticker_client, name) for name in ticker_client.__all__}
    exec(code("python"), names)
    checking: Callable[[Any], Awaitable[None]] = names["check"]
    return checking


async def told(events: list[object], without: int | None = None) -> AsyncIterator[object]:
    """Yield events, but for one of them."""
    for index, event in enumerate(events):
        if index != without:
            yield event


def followed(events: list[object]) -> Iterator[int]:
    """Yield the places of updates that the next update of their stocks comes after, and no gap."""
    last: dict[str, int] = {}
    for index, event in enumerate(events):
        if isinstance(event, Gap):
            last.pop(event.stock_id, None)
        elif isinstance(event, Update):
            if event.stock_id in last:
                yield last[event.stock_id]
                del last[event.stock_id]
            if event.kind is not UpdateKind.SNAPSHOT:  # counting begins with it
                last[event.stock_id] = index


async def test_reader_checks_alone(check: Callable[[Any], Awaitable[None]]) -> None:
    """The loop of the page finds any missing update, over reconnects too, and nothing where nothing is missing."""
    for seed in range(20):
        events: list[object] = [seen.event for seen in rehearse(seed).histories["every"]]
        await check(told(events))
        for missing in list(followed(events))[::10]:
            with pytest.raises(RuntimeError):
                await check(told(events, without=missing))


def test_database_checks_itself(postgres_url: str) -> None:
    """The trigger of the page lets a row go on, in another epoch too, and refuses to let it go back."""
    upgrade(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(code("sql").encode())
        for epoch in (1, 2):
            connection.execute("INSERT INTO log_epoch (epoch, create_time_ns) VALUES (%s, 1)", (str(epoch),))
        for place in ((1, 10), (1, 20), (2, 5)):
            connection.execute(ROW, place)
        for place in ((2, 5), (2, 4), (1, 30)):
            with pytest.raises(psycopg.errors.RaiseException):
                connection.execute(ROW, place)


def test_what_the_page_names_exists() -> None:
    """Each link leads somewhere, each validator exists, and each validator is named."""
    for link in re.findall(r"\]\((\.\./[^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).resolve().exists(), link
    proofs = " ".join(re.findall(r"\*\*Proof\.\*\*(.*?)\n\n", PAGE, re.DOTALL))
    named = {name for name in re.findall(r"`(\w+)`", proofs) if not name.startswith("sent_")}
    judging = {name for name in validators.__all__ if name.islower()} - {"faults", "gaps", "unfounded"}

    assert named == judging
