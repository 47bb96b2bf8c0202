"""A process of its own for one side of a measurement: told what to do in lines, and answers each with a line of JSON."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.benchmarks.errors import BenchFailed

__all__ = ["ROOT", "Worker", "cpu_seconds", "environment", "keep_to", "python"]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0
END_SECONDS = 5.0


class Worker:
    """A child that ends with the end of its stdin. `cpu` is the core that it keeps to once it is ready, None for any."""

    def __init__(self, name: str, command: Sequence[str | Path], cpu: int | None = None) -> None:
        self.name = name
        self._rest = b""
        self._greeting: Mapping[str, Any] | None = None
        self._cpu = cpu
        # In a session of its own, so that Ctrl-C reaches the command alone, which then ends its children.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
            start_new_session=True,
        )

    @property
    def greeting(self) -> Mapping[str, Any]:
        """What it said first, once it was ready."""
        if self._greeting is None:
            self._greeting = json.loads(self._line())
            keep_to(self._cpu, self.pid)
        return self._greeting

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """What the process has used so far, in user and system mode, all of its threads."""
        return cpu_seconds(self.pid)

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def tell(self, *words: object) -> None:
        """Give a command, whose answer is fetched later."""
        assert self.greeting is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise BenchFailed(f"{self.name} has ended") from error

    def answer(self) -> Mapping[str, Any]:
        """Wait for the answer of the oldest command without one. Raises BenchFailed if that is an error, or none."""
        answer: Mapping[str, Any] = json.loads(self._line())
        if "error" in answer:
            raise BenchFailed(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, *words: object) -> Mapping[str, Any]:
        """Give a command and wait for its answer."""
        self.tell(*words)
        return self.answer()

    def end(self) -> None:
        """End the process."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\n" not in self._rest:
            if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise BenchFailed(f"{self.name} did not answer within {PATIENCE_SECONDS:.0f} s")
            data = os.read(pipe, 65536)
            if not data:
                raise BenchFailed(f"{self.name} has ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def keep_to(cpu: int | None, pid: int) -> None:
    """Let all threads of a process run on one core alone, if there is one for it."""
    if cpu is not None:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {cpu})


def cpu_seconds(pid: int) -> float:
    """Return what a process has used so far, in user and system mode, by its CPU clock (Linux: clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


def python(module: str, *arguments: str) -> Sequence[str]:
    """Return the command that runs a module of this checkout."""
    return (sys.executable, "-m", module, *arguments)


def environment() -> dict[str, str]:
    """Return the environment for programs of this checkout."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "protos")))}
