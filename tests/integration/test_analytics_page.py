"""The queries of docs/analytics.md: each runs in the databases that it is for, and both come to the same."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bar_worlds import embedded, production
from ticker_server.model.tick import AcceptedTick

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "analytics.md").read_text()
SECOND = 1_000_000_000
DAY = 24 * 3600 * SECOND
BEGIN = int(datetime(2026, 1, 5, 14, 30, tzinfo=UTC).timestamp()) * SECOND
TIMES = {"age", "quiet_since", "quiet_until"}
"""Columns that are shown in the way of each database, or depend on the present."""


def queries(database: str) -> dict[str, str]:
    """Return the queries that are for a database, by the sentence above them."""
    found = {}
    for title, blocks in re.findall(
        r"^([A-Z][^\n]*(?:\n[^\n`]+)*):?[^\n]*\n\n((?:```sql\n.*?```\n\n?)+)", PAGE, re.MULTILINE | re.DOTALL
    ):
        for kind, sql in re.findall(r"```sql\n-- (\S+)[^\n]*\n(.*?);\n```", blocks, re.DOTALL):
            if kind in {"both", database}:
                found[title] = sql
    return found


def ticks() -> list[AcceptedTick]:
    """Return the ticks of three stocks on ten days."""
    chance = random.Random(3)
    moments = [BEGIN + day * DAY + chance.randrange(6 * 3600) * SECOND for day in range(10) for _ in range(40)]
    return [
        AcceptedTick(
            chance.choice(["AAPL", "MSFT", "GOOG"]),
            f"{100 + day_of(time) + chance.randrange(1000) / 100:.2f}",
            chance.choice(["", "10", "250"]),
            time,
            time,
            number,
            number,
        )
        for number, time in enumerate(sorted(moments), 1)
    ]


def day_of(time: int) -> int:
    """Return on which day a tick is traded."""
    return (time - BEGIN) // DAY


def plain(value: Any) -> Any:
    """Return a value as it is in both databases."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Decimal | float):
        return pytest.approx(float(value), rel=1e-9, abs=1e-12)
    return value if value is None or isinstance(value, int | str) else str(value)


Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture
async def answers(postgres_url: str, tmp_path: Path, migrated_file: Path) -> dict[str, Tables]:
    """Return what each query answers in each database, by database and title."""
    found: dict[str, Tables] = defaultdict(dict)
    async with production(postgres_url) as one, embedded(migrated_file, tmp_path) as other:
        for world in (one, other):
            await world.begin("one")
            await world.write(*ticks())
        with psycopg.connect(postgres_url) as connection:
            connection.execute("SET TIME ZONE 'UTC'")
            for title, sql in queries("PostgreSQL").items():
                cursor = connection.execute(sql.encode())
                names = [column.name for column in cursor.description or ()]
                found["PostgreSQL"][title] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for title, sql in queries("SQLite").items():
            found["SQLite"][title] = other.table(sql)
    return found


def test_page_has_enough_queries() -> None:
    """At least ten queries are for both databases, and no block is left out."""
    assert len(queries("PostgreSQL").keys() & queries("SQLite").keys()) >= 10
    blocks = re.findall(r"^-- (both|PostgreSQL|SQLite)\b", PAGE, re.MULTILINE)
    assert len(blocks) == PAGE.count("```sql")
    assert len(queries("PostgreSQL")) == blocks.count("both") + blocks.count("PostgreSQL")
    assert len(queries("SQLite")) == blocks.count("both") + blocks.count("SQLite")


async def test_each_query_answers_the_same_in_both(answers: dict[str, Tables]) -> None:
    """Each query has rows, and what both databases show of it is the same."""
    for title, rows in answers["PostgreSQL"].items():
        assert rows, title
        if title not in answers["SQLite"]:
            continue
        others = answers["SQLite"][title]
        shared = rows[0].keys() & others[0].keys() - TIMES
        assert len(shared) >= 2, title
        assert [{name: plain(row[name]) for name in shared} for row in rows] == [
            {name: row[name] for name in shared} for row in others
        ], title
