"""What the Kafka libraries log, in bounds."""

from __future__ import annotations

import logging

import aiokafka.client  # its logger is there once it is imported
import pytest

from ticker_server.feed.kafka.library_logs import OncePerMinute, limit_library_logs


def record(message: str, *args: object) -> logging.LogRecord:
    """Return a line as a library logs it."""
    return logging.LogRecord("aiokafka.x", logging.ERROR, "", 0, message, args, None)


def test_same_form_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of one form come once a minute, whatever stands in them; others come as they are."""
    now = 1000.0
    monkeypatch.setattr("ticker_server.feed.kafka.library_logs.time.monotonic", lambda: now)
    limit = OncePerMinute()

    first = [limit.filter(record("node %s", 1)), limit.filter(record("node %s", 2)), limit.filter(record("topic %s"))]
    now += 61

    assert first == [True, False, True]
    assert limit.filter(record("node %s", 3))


def test_what_is_remembered_is_bounded() -> None:
    """Lines of any number of forms take no memory without end."""
    limit = OncePerMinute()

    assert all(limit.filter(record(f"line {number}")) for number in range(2_500))
    assert len(limit._last) <= 1_000


def test_loggers_are_limited_once() -> None:
    """The loggers of aiokafka get the limit, however often it is asked for."""
    limit_library_logs()
    limit_library_logs()

    limits = [each for each in aiokafka.client.log.filters if isinstance(each, OncePerMinute)]
    assert len(limits) == 1
    assert not logging.getLogger("asyncio").filters
