"""The installed programs as a user starts them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.prefix) / "bin"
READY = re.compile(r"ticker-server ready grpc=(\S+) metrics=off pid=(\d+)\n")
TRANSPORT = "TICKER_TRANSPORT"
WAIT_SECONDS = 30.0


@dataclass
class Server:
    """A running `ticker-server serve`."""

    target: str
    pid: int
    process: asyncio.subprocess.Process

    async def end(self, signum: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signum)
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.process.wait()


@asynccontextmanager
async def running_server(
    data_dir: Path,
    *flags: str,
    errors: int | None = None,
    environment: Mapping[str, str] | None = None,
    inside: Sequence[str] = (),
) -> AsyncIterator[Server]:
    """Run `ticker-server serve` on a free port until the end of the block.

    `errors` is a file for its stderr; `inside` is what the command begins with, if it is to run in a place of its own.
    """
    process = await asyncio.create_subprocess_exec(
        *inside,
        BIN / "ticker-server",
        *("serve", "--port", "0", "--data-dir", str(data_dir), "--log-level", "warning", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
        env={**clean_environment(), **(environment or {})},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            line = (await process.stdout.readline()).decode()
        ready = READY.fullmatch(line)
        assert ready is not None, line
        server = Server(ready[1], int(ready[2]), process)
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(program: str, *arguments: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    """Run an installed program to its end; return its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        BIN / program,
        *arguments,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )
    async with asyncio.timeout(WAIT_SECONDS):
        output, errors = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of ours, but for the transport: tests may be run over each."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TICKER_") or name == TRANSPORT}
