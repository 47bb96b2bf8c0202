"""A real PostgreSQL for tests, which can be killed, frozen and started again."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import psycopg

from scripts.kafka_cluster.ports import HOST, free_ports
from tests.support.guard import Guard
from tests.support.postgres_install import Account, find_programs, new_home, server_account
from tests.support.process_table import children_of, wait_until_gone

WAIT_SECONDS = 30.0
END_SECONDS = 5.0
POLL_SECONDS = 0.02
USER = "ticker"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "on",
    "timezone": "UTC",
    # In the data folder instead of /dev/shm: there a killed server would leave its own behind.
    "dynamic_shared_memory_type": "mmap",
}


class ServerFailed(Exception):
    """The server ended by itself or did not answer in time; the message holds its log."""


class Postgres:
    """A PostgreSQL server that runs; its processes are the postmaster and one child per connection, and some more."""

    def __init__(self, home: Path, log: Path, programs: Path, account: Account) -> None:
        self._home = home
        self._log = log
        self._programs = programs
        self._account = account
        self._password = secrets.token_hex(8)
        self._port = free_ports(1)[0]
        self._guard = Guard(home)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, its password included."""
        return f"postgresql://{USER}:{self._password}@{HOST}:{self._port}/{database}"

    def create_database(self, name: str) -> None:
        """Make an empty database."""
        self._execute(f'CREATE DATABASE "{name}"')

    def drop_database(self, name: str) -> None:
        """Delete a database, whoever is connected to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def start(self) -> None:
        """Start the server with its data and on its port; `accepts` waits for it."""
        self.launch()

    async def accepts(self) -> None:
        """Wait until a connection can be made; raises ServerFailed after 30 s, or if the server has ended."""
        await asyncio.to_thread(self.wait)

    async def kill(self) -> None:
        """End the postmaster and its children at once (SIGKILL), and return when they are gone."""
        await asyncio.to_thread(self._kill)

    def freeze(self) -> None:
        """Stop all processes where they are (SIGSTOP): connections stay open and nothing is answered."""
        assert self._process is not None
        # The postmaster first: from then on nobody makes another child.
        os.kill(self._process.pid, signal.SIGSTOP)
        children = children_of(self._process.pid)
        _send(children, signal.SIGSTOP)
        self._guard.protect(*children, self._process.pid)

    def thaw(self) -> None:
        """Let the frozen processes go on."""
        assert self._process is not None
        _send([*children_of(self._process.pid), self._process.pid], signal.SIGCONT)

    def make(self) -> None:
        """Make the data folder."""
        password = self._home / "password"
        password.write_text(self._password)
        password.chmod(0o644)  # in a folder that is closed to others
        subprocess.run(
            [
                *(self._programs / "initdb", "--no-sync", "--locale=C", "--encoding=UTF8", "--auth=scram-sha-256"),
                *(f"--username={USER}", f"--pwfile={password}", f"--pgdata={self._home / 'data'}"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._home,
            **self._account.options(),
        )

    def launch(self) -> None:
        """Start the server as `start` does, outside an event loop."""
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(self._port)}.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._account.command(self._programs / "postgres", "-D", self._home / "data", *settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self._home,
            )
        self._guard.protect(self._process.pid)

    def wait(self) -> None:
        """Wait for the server as `accepts` does, outside an event loop."""
        assert self._process is not None
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise ServerFailed(self._log.read_text(errors="replace")) from error
                time.sleep(POLL_SECONDS)
            else:
                return

    def end(self) -> None:
        """End the server at once; its data is not needed any more."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # unlike a kill, it gives the shared memory back
            self.thaw()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        self._kill()
        self._guard.release()

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _kill(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        os.kill(self._process.pid, signal.SIGSTOP)
        children = children_of(self._process.pid)
        _send([self._process.pid, *children], signal.SIGKILL)
        self._process.wait(WAIT_SECONDS)
        wait_until_gone(children)


def _send(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def started_postgres(folder: Path, installed: Iterable[Path] | None = None) -> Iterator[Postgres]:
    """Run a PostgreSQL until the end of the block; `folder` keeps its log, `server.log`.

    `installed` are folders to find the programs in, None for the usual ones.
    """
    account = server_account()
    folder.mkdir(parents=True)
    home = new_home(account, folder / "home")
    try:
        server = Postgres(home, folder / "server.log", find_programs(account, home, installed), account)
        try:
            server.make()
            server.launch()
            server.wait()
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def running_postgres(folder: Path) -> AsyncIterator[Postgres]:
    """Run a PostgreSQL of its own for one test."""
    starting = started_postgres(folder / "postgres")
    server = await asyncio.to_thread(starting.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)
