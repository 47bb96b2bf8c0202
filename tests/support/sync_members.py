"""Sync servers as processes that can be killed and frozen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.price_topic import PriceTopic
from tests.support.process_table import is_gone, wait_until_gone

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class SyncMember:
    """A running sync server."""

    pid: int

    def freeze(self) -> None:
        """Stop it where it is (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    async def end(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, and return when it has ended."""
        os.kill(self.pid, number)
        await asyncio.to_thread(wait_until_gone, [self.pid])


class SyncMembers:
    """Starts sync servers, within milliseconds each."""

    def __init__(self, forker: subprocess.Popen[str]) -> None:
        self._forker = forker
        self._started: list[SyncMember] = []

    def start(
        self, topic: PriceTopic, url: str, *, interval_seconds: float = 0.2, session_seconds: float = 0.6
    ) -> SyncMember:
        """Start a member of the group that shares a topic; it joins when it is up."""
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        servers = topic.connection.bootstrap_servers
        arguments = [servers, topic.prefix, topic.partitions, url, interval_seconds, session_seconds]
        self._forker.stdin.write(f"{json.dumps(arguments)}\n")
        self._forker.stdin.flush()
        member = SyncMember(int(self._forker.stdout.readline()))
        self._started.append(member)
        return member

    def kill_all(self) -> None:
        """Kill all that still run."""
        for member in self._started:
            if not is_gone(member.pid):
                os.kill(member.pid, signal.SIGKILL)
        wait_until_gone([member.pid for member in self._started])
        self._started.clear()


@contextmanager
def sync_members() -> Iterator[SyncMembers]:
    """Yield what starts members; all that still run at the end of the block are killed."""
    lifeline, ours = os.pipe()
    forker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.sync_process", str(lifeline)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[lifeline],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}"},
    )
    os.close(lifeline)
    members = SyncMembers(forker)
    try:
        yield members
    finally:
        members.kill_all()
        os.close(ours)
        forker.communicate()
