"""scripts/bench runs its commands, and measures nothing that was not counted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.benchmarks.errors import BenchFailed
from scripts.benchmarks.transport.peer import Peer, RawPeer
from scripts.benchmarks.transport.reader import Reader
from scripts.benchmarks.transport.row import ROWS

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos")))}
COMMAND = (sys.executable, "-m", "scripts.benchmarks")
GONE_SECONDS = 10.0
OF_GATEWAYS = {"gateway", "hot"}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of scripts/bench to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, env=ENVIRONMENT, cwd=ROOT
    )


@contextmanager
def sending(data: bytes) -> Iterator[int]:
    """Listen on a port, where each connection gets one byte at first, and these when it has sent a byte."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"!")
            connection.recv(1)
            connection.sendall(data)
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as threads:
        serving = threads.submit(serve)
        yield listening.getsockname()[1]
        serving.result()


def expect(data: bytes, messages: int, size: int) -> None:
    """Have a reader count what is sent."""
    peers: list[RawPeer] = []

    def make(connected: socket.socket, _number: int) -> RawPeer:
        peers.append(RawPeer(connected))
        return peers[0]

    with sending(data) as port:
        reader = Reader(make, patience=0.2)
        reader.connect(port, 1, 1)
        reader.mark()
        peers[0].socket.send(b"?")
        try:
            reader.expect(messages, size)
        finally:
            reader.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("rows", [ROWS.keys() - OF_GATEWAYS, OF_GATEWAYS], ids=["transports", "gateways"])
def test_all_rows_are_measured(tmp_path: Path, rows: set[str]) -> None:
    """Each row has a figure of both transports, in the table and in the file."""
    done = run("transport", "--quick", "--rows", ",".join(rows), "--json", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())

    assert {row["row"] for row in figures["rows"]} == rows
    assert all(row["samples"].keys() >= {"grpcio", "frames"} for row in figures["rows"])
    assert all(row["title"] in done.stdout for row in figures["rows"])
    assert figures["machine"]["date"] in done.stdout


@pytest.mark.parametrize("data", [b"abcdefg", b"abcdefgh!"], ids=["fewer", "more"])
def test_wrong_counts_fail(data: bytes) -> None:
    """A reader that gets a byte less or more than was sent to it fails the run."""
    expect(b"abcdefgh", 2, 4)
    with pytest.raises(BenchFailed, match=r"did not get all messages|instead of"):
        expect(data, 2, 4)


def test_messages_are_counted_across_frames() -> None:
    """A message counts once, however it is cut into frames and reads."""
    message = b"\0\0\0\0\x03abc"
    data = b"".join(b"\0\0\x04\0\0\0\0\0\x01" + message[start : start + 4] for start in (0, 4)) * 2
    near, far = socket.socketpair()
    with near, far:
        peer = Peer(near, "/a/B")
        for start in range(len(data)):
            peer.take(data[start : start + 1])

    assert (peer.received, peer.bytes, dict(peer.messages)) == (2, 6, {1: 2})


def test_unknown_rows_are_refused() -> None:
    """A row that does not exist is one line, which names those that do."""
    done = run("transport", "--rows", "broadcast,widecast")

    assert done.returncode == 1
    assert done.stderr == f"scripts/bench: there is no row widecast; rows are {', '.join(ROWS)}\n"


def test_interrupt_leaves_nothing() -> None:
    """Ctrl-C ends the command and the processes that it started."""
    command = [*COMMAND, "transport", "--rows", "broadcast"]
    with subprocess.Popen(command, env=ENVIRONMENT, cwd=ROOT, text=True, stderr=subprocess.PIPE) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while len(started := children.read_text().split()) < 3:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert process.returncode == 130
    assert errors.splitlines()[-1] == "scripts/bench: interrupted"
    # One that was just being started ends by itself, when its standard input does.
    patience = time.monotonic() + GONE_SECONDS
    while [child for child in started if Path(f"/proc/{child}").exists()]:
        assert time.monotonic() < patience
        time.sleep(0.05)
