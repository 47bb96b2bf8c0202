"""The command as a whole: options, exit codes, error lines."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ticker_client.cli import main
from ticker_client.cli.app import run
from ticker_client.cli.session import Options

Run = Callable[..., Any]


def test_help_names_all_commands_and_nothing_that_is_not_built(run_ticker: Run) -> None:
    """The help of the command lists what this version can do."""
    finished = run_ticker("--help")

    assert finished.code == 0
    for word in (
        "add",
        "remove",
        "list",
        "watch",
        "publish",
        "latest",
        "history",
        "stocks",
        "users",
        "TICKER_TARGET",
        "--json",
    ):
        assert word in finished.out
    for word in ("--start TIME", "--end TIME", "in UTC"):
        assert word in run_ticker("watch", "--help").out


@pytest.mark.parametrize("arguments", [(), ("stocks",), ("users",)])
def test_a_command_that_is_missing_shows_the_help(run_ticker: Run, arguments: tuple[str, ...]) -> None:
    """Without a command the help goes to stderr, and the exit code says that this was no use."""
    finished = run_ticker(*arguments)

    assert finished.code == 2
    assert finished.out == ""
    assert "Commands:" in finished.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fly",), "No such command 'fly'; see ticker --help"),
        (("list", "--fast"), "No such option: --fast; see ticker list --help"),
        (("add",), "Missing argument 'STOCK_ID'; see ticker add --help"),
        (("list",), "no user is named; give --user ID or set TICKER_USER"),
        (("list", "--timeout", "5"), "--timeout: "),
        (("list", "--timeout", "0s"), "--timeout: the time to wait is above zero"),
        (("watch", "AAPL", "--count", "0"), "--count"),
        (("watch", "AAPL", "--lag-policy", "[bold]"), "--lag-policy: write conflate or disconnect"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run_ticker: Run, arguments: tuple[str, ...], message: str) -> None:
    """A usage error is one line on stderr that begins with its reason, and nothing is asked of a server."""
    finished = run_ticker(*arguments)

    assert finished.code == 2
    assert finished.out == ""
    assert finished.err.startswith("error: USAGE: ")
    assert message in finished.err
    assert finished.err.count("\n") == 1


def test_flags_win_over_the_environment(
    run_ticker: Run, options: list[Options], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each global option has its environment variable, and the flag wins."""
    token, ca = tmp_path / "token", tmp_path / "ca.pem"
    token.write_text("from-file\n")
    ca.write_text("")
    for name, value in (("TARGET", "a:1"), ("USER", "ana"), ("TOKEN", "from-env"), ("TLS_CA", str(ca))):
        monkeypatch.setenv(f"TICKER_{name}", value)

    run_ticker("list")
    run_ticker("list", "--target", "b:2", "--user", "bob", "--token-file", str(token), "--timeout", "500ms", "--json")

    assert options == [
        Options("a:1", "ana", "from-env", ca, json=False, timeout=timedelta(seconds=10)),
        Options("b:2", "bob", "from-file", ca, json=True, timeout=timedelta(milliseconds=500)),
    ]


def test_the_defaults_are_this_machine_and_nobody(run_ticker: Run, options: list[Options]) -> None:
    """Without options and environment the server is on this machine, without a user and credentials."""
    run_ticker("stocks", "list")

    assert options == [Options("localhost:50051", None, None, None, json=False, timeout=timedelta(seconds=10))]


@pytest.mark.parametrize("name", ["missing", "empty", "folder", "binary"])
def test_a_token_file_that_has_no_token_is_named(run_ticker: Run, tmp_path: Path, name: str) -> None:
    """A token file that cannot be used ends the command with its name."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    finished = run_ticker("stocks", "list", "--token-file", str(tmp_path / name))

    assert finished.code == 2
    assert f"--token-file: {tmp_path / name}" in finished.err


def test_a_missing_ca_file_is_named(run_ticker: Run, tmp_path: Path) -> None:
    """A file of authorities that does not exist ends the command."""
    finished = run_ticker("stocks", "list", "--tls-ca", str(tmp_path / "ca.pem"))

    assert finished.code == 2
    assert finished.err.startswith("error: FILE_NOT_FOUND: --tls-ca: ")


def test_main_leaves_with_the_exit_code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point takes the arguments of the program and ends it with the code of the run."""
    monkeypatch.setattr("sys.argv", ["ticker", "fly"])

    with pytest.raises(SystemExit) as left:
        main()

    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("error: USAGE: ")


def test_the_real_client_says_why_it_does_not_connect(capsys: pytest.CaptureFixture[str]) -> None:
    """A target that is no address is a usage error, before anything is sent."""
    assert run(["stocks", "list", "--target", "nowhere"]) == 2
    assert "'nowhere' is not host:port" in capsys.readouterr().err


def test_streams_may_be_closed(run_ticker: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that was started without stdin, stdout and stderr does its work all the same."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", None)

    assert run_ticker("stocks", "create", "AAPL").code == 0
    assert run_ticker("fly").code == 2
    for name in ("stdin", "stdout", "stderr"):
        getattr(sys, name).close()


class Interrupted(io.BytesIO):
    """A stdin at which Ctrl-C is pressed."""

    def read(self, _: int | None = -1) -> bytes:
        """Be interrupted."""
        raise KeyboardInterrupt


def test_ctrl_c_before_the_first_question_is_quiet(run_ticker: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a file is read ends the command with exit code 130 and without a word."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Interrupted()))

    finished = run_ticker("publish", "--csv", "-", "--stock", "AAPL")

    assert (finished.code, finished.out, finished.err) == (130, "", "")


def test_the_module_is_the_command() -> None:
    """`python -m ticker_client.cli` runs the command, also where the terminal knows few letters."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    finished = subprocess.run(
        [sys.executable, "-m", "ticker_client.cli", "publish", "--csv", "Zürich.csv"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=30,
        check=False,
    )

    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr == "error: FILE_NOT_FOUND: Z\\xfcrich.csv does not exist\n"
