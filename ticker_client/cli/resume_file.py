"""The file that keeps where `ticker watch` stands, over the end of the command."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from ticker_client.cli.failures import CommandError, ExitCode
from ticker_client.resume import Resume

__all__ = ["ResumeFile"]

_SECONDS_BETWEEN_WRITES = 5.0


class ResumeFile:
    """Reads where an earlier command stood, and writes where this one stands.

    A reader of the file sees the old content or the new one, never a part: it is written beside and put in place.
    """

    def __init__(self, path: Path, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._path = path
        self._sleep = sleep
        self._written: Resume | None = None

    def read(self) -> Resume | None:
        """Return where an earlier command stood; None if there is no file yet.

        Raises:
            CommandError: the file cannot be read, or is something else.
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CommandError("FILE_UNREADABLE", f"--resume-file: {self._path}: {error.strerror}") from None
        except UnicodeDecodeError:
            text = ""
        try:
            return Resume.from_json(text)
        except ValueError:
            message = f"--resume-file: {self._path} was not written by this command; it would be overwritten"
            raise CommandError("INVALID_FILE", message) from None

    def write(self, resume: Resume) -> None:
        """Write where the command stands, if that is news. Raises CommandError if it cannot be written."""
        if not resume.log_epoch or resume == self._written:
            return
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(f"{resume.to_json()}\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            message = f"--resume-file: {self._path} cannot be written: {error.strerror}"
            raise CommandError("OUTPUT_FAILED", message, ExitCode.ANSWERED_ERROR) from None
        self._written = resume

    @contextlib.asynccontextmanager
    async def keeping(self, resume: Callable[[], Resume]) -> AsyncIterator[None]:
        """Write where the command stands every few seconds, and at the end of the block whatever ends it."""
        self.write(resume())
        writing = asyncio.create_task(self._write_on(resume))
        try:
            yield
        finally:
            writing.cancel()
            await asyncio.wait([writing])
            self.write(resume())

    async def _write_on(self, resume: Callable[[], Resume]) -> None:
        while True:
            await self._sleep(_SECONDS_BETWEEN_WRITES)
            # In the loop, because it is a few kilobytes. A disk that is full just now may have room at the next time;
            # the last write tells if not.
            with contextlib.suppress(CommandError):
                self.write(resume())
