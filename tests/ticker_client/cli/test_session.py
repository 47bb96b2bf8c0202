"""One run of the command, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
import typer

from tests.ticker_client.cli.fake_ticker import FakeTicker
from ticker_client.cli.failures import CommandError, ExitCode
from ticker_client.cli.session import Connect, Options, Session, open_client
from ticker_client.client import TickerClient

OPTIONS = Options("localhost:1", None, None, None, json=False, timeout=timedelta(seconds=1))


@pytest.fixture
def session(ticker: FakeTicker) -> Session:
    """Return a session with the fake client."""
    return Session(OPTIONS, cast("Connect", lambda _: ticker))


def code_of(session: Session, work: Callable[[TickerClient], object]) -> int:
    """Run work to its end and return the exit code."""

    async def run(client: TickerClient) -> ExitCode | None:
        result = work(client)
        return await result if asyncio.iscoroutine(result) else cast("ExitCode | None", result)

    with pytest.raises(typer.Exit) as left:
        session.run(run)
    return left.value.exit_code


def test_work_has_an_open_client_and_gives_the_exit_code(session: Session, ticker: FakeTicker) -> None:
    """The client is open during the work and closed behind it; what the work returns is the exit code."""
    seen: list[bool] = []

    def work(_: TickerClient) -> ExitCode:
        seen.append(ticker.is_open)
        return ExitCode.TICKS_NOT_PUBLISHED

    assert code_of(session, work) == 5
    assert seen == [True]
    assert not ticker.is_open
    assert code_of(session, lambda _: None) == 0


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Let SIGINT interrupt, also where the tests were started in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.usefixtures("_interruptible")
def test_a_signal_cancels_the_work(session: Session, ticker: FakeTicker, number: int, expected: int) -> None:
    """Ctrl-C and SIGTERM let the work clean up, close the client, and have their own exit codes."""
    cleaned: list[bool] = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(ticker.is_open)

    assert code_of(session, lambda _: work()) == expected
    assert cleaned == [True]
    assert not ticker.is_open


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(
    session: Session, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """When stdout is a pipe that nobody reads any longer, the command ends without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)

        assert code_of(session, lambda _: pipe.write("news\n") and None) == 0

        pipe.write("more\n")
    assert capfd.readouterr().err == ""


def test_a_full_disk_is_told_in_one_line(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """When stdout cannot be written for another reason, that is the error of the command."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)

        with pytest.raises(CommandError, match="No space left") as caught:
            code_of(session, lambda _: full.write("news\n") and None)

    assert (caught.value.reason, caught.value.exit_code) == ("OUTPUT_FAILED", 1)


def test_a_user_is_needed_where_the_command_is_about_one(session: Session) -> None:
    """Asking for the user when none is named is a usage error."""
    with pytest.raises(CommandError, match="TICKER_USER"):
        session.user()


def test_a_token_does_not_go_out_in_clear_text() -> None:
    """Credentials for another machine without TLS are refused before a connection is made."""
    options = Options("prices.example:50051", None, "secret", None, json=False, timeout=timedelta(seconds=1))

    with pytest.raises(CommandError) as caught:
        open_client(options)

    assert caught.value.exit_code == 2
    assert "secret" not in caught.value.message
