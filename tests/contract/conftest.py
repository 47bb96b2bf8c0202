"""What is the same for both price logs."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.broker import Broker
from tests.support.price_logs import KafkaLogs, PriceLogs, SqliteLogs
from ticker_server.clock import SystemClock


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def logs(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> AsyncIterator[PriceLogs]:
    """Return an empty price log; a parameter per adapter."""
    opened: PriceLogs
    if request.param == "sqlite":
        opened = SqliteLogs(Path(shutil.copy(migrated_file, tmp_path)), SystemClock())
    else:
        broker: Broker = request.getfixturevalue("broker")
        prefix: str = request.getfixturevalue("topic_prefix")
        opened = KafkaLogs(broker.bootstrap_servers, prefix, SystemClock())
    yield opened
    await opened.close()
