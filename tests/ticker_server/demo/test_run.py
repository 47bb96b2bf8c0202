"""The demo as a newcomer sees it: what it prints works from a second terminal, and Ctrl-C ends it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shlex
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.processes import BIN, WAIT_SECONDS, clean_environment

LAST_LINE = "Ctrl-C ends the demo."


@asynccontextmanager
async def running_demo() -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """Run the demo without a board; yield it with the lines that it printed."""
    process = await asyncio.create_subprocess_exec(
        *(BIN / "ticker-server", "demo", "--port", "0", "--no-board"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )
    assert process.stdout is not None
    try:
        lines: list[str] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while not lines or lines[-1] != LAST_LINE:
                lines.append((await process.stdout.readline()).decode().rstrip("\n"))
        yield process, lines
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run_line(line: str) -> str:
    """Run a printed command, which must succeed, and return its output."""
    process = await asyncio.create_subprocess_exec(
        *shlex.split(line), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=clean_environment()
    )
    async with asyncio.timeout(WAIT_SECONDS):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_printed_commands_work_from_a_second_terminal() -> None:
    """The three commands of the command line client do what they say, as they are printed."""
    async with running_demo() as (_, lines):
        listing, adding, watching = [line for line in lines if "/ticker --target" in line]
        listed = await run_line(listing)
        added = await run_line(adding)
        watched = [json.loads(line) for line in (await run_line(watching)).splitlines()]

    assert all(stock_id in listed for stock_id in ("AAPL", "NVDA", "TSLA", "MSFT", "BRK.B"))
    assert "GOOG" in added
    assert sum(event["event"] == "update" for event in watched) == 20


@pytest.mark.grpcurl
async def test_printed_grpcurl_commands_work() -> None:
    """The two unary grpcurl commands answer, as they are printed, with readable prices."""
    async with running_demo() as (_, lines):
        listing, latest, _ = [line for line in lines if line.startswith("grpcurl ")]
        services = await run_line(listing)
        prices = json.loads(await run_line(latest))["prices"]

    assert "ticker.v1.WatchService" in services
    assert [price["stock_id"] for price in prices] == ["AAPL", "NVDA"]


async def test_printed_snippet_gets_live_prices() -> None:
    """The SDK snippet prints stock, price and tick number of each tick."""
    async with running_demo() as (_, lines):
        start = next(index for index, line in enumerate(lines) if line.endswith("- <<'EOF'"))
        python = shlex.split(lines[start])[0]
        snippet = "\n".join(lines[start + 1 : lines.index("EOF")])
        process = await asyncio.create_subprocess_exec(
            *(python, "-u", "-c", snippet), stdout=asyncio.subprocess.PIPE, env=clean_environment()
        )
        assert process.stdout is not None
        async with asyncio.timeout(WAIT_SECONDS):
            printed = [(await process.stdout.readline()).decode().split() for _ in range(3)]
        process.terminate()
        await process.communicate()

    assert {words[0] for words in printed} <= {"AAPL", "TSLA"}
    assert all(float(words[1]) > 0 and int(words[2]) >= 1 for words in printed)


async def test_interrupt_ends_the_demo_within_two_seconds() -> None:
    """SIGINT ends the demo with exit code 0, within two seconds and without a traceback."""
    async with running_demo() as (process, _):
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(2):
            _, errors = await process.communicate()

    assert process.returncode == 0
    assert errors == b""


async def test_control_c_on_a_terminal_ends_board_and_server() -> None:
    """On a terminal the board shows live rows, and Ctrl-C ends it and the server within two seconds."""
    master, slave = pty.openpty()
    environment = clean_environment() | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = await asyncio.create_subprocess_exec(
        *(BIN / "ticker-server", "demo", "--port", "0"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        preexec_fn=own_terminal,
    )
    os.close(slave)
    terminal = await reader_of(master)
    shown = b""
    async with asyncio.timeout(WAIT_SECONDS):
        while b"NVDA" not in shown.partition(b"Superseded")[2]:
            shown += await terminal.read(4096)
    os.write(master, b"\x03")
    pressed = time.monotonic()
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while chunk := await terminal.read(4096):
                shown += chunk
    except OSError:  # a terminal whose last program ended reads as an I/O error
        pass
    async with asyncio.timeout(WAIT_SECONDS):
        code = await process.wait()
    ended = time.monotonic()

    assert code == 0
    assert ended - pressed < 2
    assert b"Traceback" not in shown
    assert b"skipping fork" not in shown


def own_terminal() -> None:
    """Make the terminal on standard input the controlling one of a new session, as a shell's child has it."""
    import fcntl  # noqa: PLC0415 - runs in the child
    import termios  # noqa: PLC0415 - as above

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def reader_of(descriptor: int) -> asyncio.StreamReader:
    """Return a reader of a file descriptor, which it closes in the end."""
    reader = asyncio.StreamReader()
    file = os.fdopen(descriptor, "rb", 0, closefd=False)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    return reader
