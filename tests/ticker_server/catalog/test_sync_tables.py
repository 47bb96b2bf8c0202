"""The tables that the sync server writes."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from ticker_server.catalog.engine import migration_engine, sqlite_url
from ticker_server.catalog.migrate import downgrade, upgrade
from ticker_server.catalog.sync_tables import sync_metadata
from ticker_server.catalog.tables import metadata

NAMES = {table.name for table in sync_metadata.sorted_tables}
INSERT = """
INSERT INTO latest_price (stock_id, tick_number, sequence, epoch_ordinal, log_partition, price_text, size_text,
                          trade_time_ns, accept_time_ns, publishers)
VALUES ('AAPL', 1, 1, 1, 0, %s, %s, %s, %s, '[["zulu", 9223372036854775807], ["alpha", 1]]')
RETURNING price::text, size::text, extract(epoch FROM trade_time), extract(epoch FROM accept_time), publishers
"""


@pytest.fixture
def url(postgres_url: str) -> str:
    """Return the URL of a migrated database."""
    upgrade(postgres_url)
    return postgres_url


def readable(url: str, *exact: object) -> tuple[object, ...]:
    """Store one price, exact as text and nanoseconds, and return what analysts read of it."""
    with psycopg.connect(url) as connection:
        row = connection.execute(INSERT, exact).fetchone()
        connection.rollback()
    assert row is not None
    return row


def test_declared_tables_are_the_migrated_ones(url: str) -> None:
    """Alembic finds no difference, comments included, and warns of none that it could not migrate."""
    with migration_engine(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, [metadata, sync_metadata]) == []


def test_down_and_up_again(url: str) -> None:
    """The migration takes its tables away and makes them again."""
    downgrade(url, "0002")
    engine = migration_engine(url)
    assert not NAMES & set(inspect(engine).get_table_names())
    upgrade(url)
    assert set(inspect(engine).get_table_names()) >= NAMES
    engine.dispose()


def test_sqlite_has_none_of_it(tmp_path: Path) -> None:
    """In SQLite the embedded log has its own tables, and there is no position to store."""
    url = sqlite_url(tmp_path / "ticker.db")
    upgrade(url)
    engine = migration_engine(url)
    assert "sync_position" not in inspect(engine).get_table_names()
    engine.dispose()


def test_everything_is_explained(url: str) -> None:
    """Each table, each view and each column has a comment in the database."""
    inspector = inspect(migration_engine(url))
    views = set(inspector.get_view_names())
    assert views == {"bar_1m", "bar_5m", "bar_15m", "bar_1h", "bar_1d"}
    for name in NAMES | views:
        assert inspector.get_table_comment(name)["text"]
        assert all(column["comment"] for column in inspector.get_columns(name))


@pytest.mark.parametrize(
    ("price", "size"), [("123456789012.123456789", "0"), ("0.000000001", "10.50"), ("7", ""), ("007.10", "000")]
)
def test_prices_keep_their_value(url: str, price: str, size: str) -> None:
    """The readable price and size are the exact ones as numbers; an unknown size is NULL."""
    found_price, found_size, *_ = readable(url, price, size, 0, 0)

    assert Decimal(str(found_price)) == Decimal(price)
    assert (Decimal(str(found_size)) == Decimal(size)) if size else found_size is None


def test_instants_keep_their_microsecond(url: str) -> None:
    """The readable instants are the exact ones, cut to microseconds, whatever they are."""
    chance = random.Random(1)
    instants = [0, 1_999, 2**63 - 1, -(2**63), 1_763_900_000_123_456_789]
    instants += [chance.randrange(-(2**63), 2**63) for _ in range(20)]
    for instant in instants:
        cut = abs(instant) // 1_000 * (1 if instant >= 0 else -1)
        _, _, trade_time, accept_time, _ = readable(url, "1", "", instant, instant)
        assert trade_time == accept_time == Decimal(cut) / 1_000_000


def test_publishers_keep_their_order(url: str) -> None:
    """The publishers come back in the order of the log, with all digits of their sequences."""
    assert readable(url, "1", "", 0, 0)[-1] == [["zulu", 2**63 - 1], ["alpha", 1]]
