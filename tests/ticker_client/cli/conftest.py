"""Fixtures of the command: a client without a server, and a way to run a command with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.ticker_client.cli.fake_ticker import FakeTicker
from ticker_client.cli.app import run
from ticker_client.cli.session import Connect, Options


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def entries(self) -> list[Any]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of who runs the tests out of them."""
    for name in ("TARGET", "USER", "TOKEN", "TOKEN_FILE", "TLS_CA"):
        monkeypatch.delenv(f"TICKER_{name}", raising=False)


@pytest.fixture
def ticker() -> FakeTicker:
    """Return a client without a server."""
    return FakeTicker()


@pytest.fixture
def options() -> list[Options]:
    """Return the options of the commands that were run."""
    return []


@pytest.fixture
def run_ticker(
    ticker: FakeTicker, options: list[Options], capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """Return a function that runs a command line against the fake client."""

    def connect(given: Options) -> FakeTicker:
        options.append(given)
        return ticker

    def run_with(*arguments: str) -> Finished:
        code = run(arguments, connect=cast("Connect", connect))
        captured = capsys.readouterr()
        return Finished(code, captured.out, captured.err)

    return run_with
