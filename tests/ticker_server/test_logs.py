from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ticker_server.logs import LogFormat, LogLevel, configure_logs, redact_secrets


@pytest.fixture(autouse=True)
def _own_root_logger() -> Iterator[None]:
    """Put the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines on stderr; stdout is for results and must be empty."""
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err.splitlines()


def fail(message: str) -> None:
    """Raise an error."""
    raise ValueError(message)


def test_console_line(capsys: pytest.CaptureFixture[str]) -> None:
    """For people, a fact and its fields are one line without colours where there is no terminal."""
    configure_logs(LogFormat.CONSOLE, LogLevel.INFO)

    structlog.get_logger("x").info("serving", port=50051)

    (line,) = lines_of(capsys)
    assert line.endswith("serving port=50051")
    assert "[info" in line
    assert "\x1b" not in line


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """For machines, each line is one JSON object, also what libraries say and what has a traceback."""
    configure_logs(LogFormat.JSON, LogLevel.INFO)

    structlog.get_logger("x").info("serving", port=50051)
    logging.getLogger("asyncio").error("slow %s", "callback")
    try:
        fail("two\nlines")
    except ValueError:
        structlog.get_logger("x").exception("failed")

    objects = [json.loads(line) for line in lines_of(capsys)]
    assert [each["event"] for each in objects] == ["serving", "slow callback", "failed"]
    assert [each["level"] for each in objects] == ["info", "error", "error"]
    assert objects[0]["port"] == 50051
    assert objects[1]["logger"] == "asyncio"
    assert "ValueError: two\nlines" in objects[2]["exception"]
    assert all(each["timestamp"].endswith("Z") for each in objects)


@pytest.mark.parametrize("level", LogLevel)
@pytest.mark.parametrize("log_format", LogFormat)
def test_level(capsys: pytest.CaptureFixture[str], log_format: LogFormat, level: LogLevel) -> None:
    """What is below the level is not written."""
    configure_logs(log_format, level)
    logger = structlog.get_logger("x")

    for each in LogLevel:
        logger.log(getattr(logging, each.upper()), each.value)

    assert len(lines_of(capsys)) == len(LogLevel) - list(LogLevel).index(level)


def test_libraries_are_heard_from_warning_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Libraries are heard from level warning on, whatever our own level is, and with their name."""
    configure_logs(LogFormat.CONSOLE, LogLevel.DEBUG)

    logging.getLogger("grpc").info("chatter")
    logging.getLogger("grpc").warning("trouble")

    (line,) = lines_of(capsys)
    assert "trouble" in line
    assert "grpc" in line


def test_console_traceback_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback for people is Python's own: it shows no values of variables, and asks for no other settings."""
    configure_logs(LogFormat.CONSOLE, LogLevel.INFO)
    password = "hunter" + str(2)
    try:
        fail("broken")
    except ValueError:
        structlog.get_logger("x").exception("failed")

    lines = lines_of(capsys)
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: broken"
    assert password not in "".join(lines)


def test_secrets_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """Fields that carry credentials are never written, whichever way their names are spelled."""
    configure_logs(LogFormat.JSON, LogLevel.INFO)
    secrets = {"Authorization": "Bearer x", "token": "x", "password": "x", "database_url": "x", "x-api-key": "x"}

    structlog.get_logger("x").info("call", peer="1.2.3.4", **secrets)

    (written,) = map(json.loads, lines_of(capsys))
    assert {written[name] for name in secrets} == {"[redacted]"}
    assert written["peer"] == "1.2.3.4"
    assert redact_secrets(None, "info", {"token": ""}) == {"token": "[redacted]"}


def test_configuring_again_replaces(capsys: pytest.CaptureFixture[str]) -> None:
    """Configured twice, a line of a library is still written once, in the newer format."""
    configure_logs(LogFormat.CONSOLE, LogLevel.INFO)
    configure_logs(LogFormat.JSON, LogLevel.INFO)

    logging.getLogger("grpc").warning("trouble")

    (line,) = lines_of(capsys)
    assert json.loads(line)["event"] == "trouble"
