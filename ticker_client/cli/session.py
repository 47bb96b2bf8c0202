"""One run of the command: what the global options say, and a client to do it with."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import typer

from ticker_client.cli.failures import CommandError, ExitCode
from ticker_client.client import TickerClient

__all__ = ["Connect", "Options", "Session", "open_client", "session_of"]


_CONNECT_TIMEOUT = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Options:
    """The global options."""

    target: str
    user: str | None
    token: str | None
    tls_ca: Path | None
    json: bool
    timeout: timedelta


Connect = Callable[[Options], AbstractAsyncContextManager[TickerClient]]
"""Makes the client; tests hand in another one."""

Work = Callable[[TickerClient], Awaitable[ExitCode | None]]


def open_client(options: Options) -> AbstractAsyncContextManager[TickerClient]:
    """Return a client for the server that the options name.

    Raises:
        CommandError: the options do not make sense together, or a file cannot be read.
    """
    try:
        return TickerClient(
            options.target,
            user_id=options.user,
            token=options.token,
            tls_ca=options.tls_ca,
            timeout=options.timeout,
            connect_timeout=min(options.timeout, _CONNECT_TIMEOUT),
        )
    except (ValueError, OSError) as error:
        raise CommandError("USAGE", str(error)) from None


@dataclass(frozen=True, slots=True)
class Session:
    """What every command is given."""

    options: Options
    connect: Connect

    def user(self) -> str:
        """Return the user that the command is for.

        Raises:
            CommandError: none is named.
        """
        if not self.options.user:
            raise CommandError("USAGE", "no user is named; give --user ID or set TICKER_USER")
        return self.options.user

    def run(self, work: Work) -> None:
        """Do the work with an open client, then leave the program with its exit code.

        Ctrl-C and SIGTERM cancel the work, which may still say how far it came. A reader of stdout that has seen
        enough, such as `head`, ends the command without a word.
        """
        try:
            code = asyncio.run(self._work(work))
            sys.stdout.flush()
        except OSError as error:
            # Files and connections have errors of their own by now, so it is stdout that cannot be written. The
            # interpreter flushes it once more when it ends; that must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not isinstance(error, BrokenPipeError):
                message = f"stdout cannot be written: {error.strerror}"
                raise CommandError("OUTPUT_FAILED", message, ExitCode.ANSWERED_ERROR) from None
            code = ExitCode.OK
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except asyncio.CancelledError:
            raise typer.Exit(128 + signal.SIGTERM) from None
        raise typer.Exit(code)

    async def _work(self, work: Work) -> ExitCode:
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        # Uncaught, SIGTERM would leave the terminal without its cursor.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with self.connect(self.options) as client:
            return await work(client) or ExitCode.OK


def session_of(context: typer.Context) -> Session:
    """Return the session that the global options have set up."""
    session = context.obj
    assert isinstance(session, Session), "the callback of the app runs before every command"
    return session
