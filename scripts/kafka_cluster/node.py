"""One Kafka node, broker and controller in one Java process."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from scripts.kafka_cluster.jars import HERE, fetch_jars, find_java
from scripts.kafka_cluster.ports import HOST

MEMORY = ("-Xmx512m", "-XX:+UseSerialGC")
POLL_SECONDS = 0.05
ANSWER_SECONDS = 1.0
END_SECONDS = 15.0
LOG_LINES = 20


class NodeFailed(Exception):
    """A node ended by itself, or did not do in time what was asked; the message holds the end of its log."""


@dataclass
class Node:
    """A node and its folder, which holds `server.properties`, `server.log`, `pid` and the data."""

    number: int
    home: Path
    port: int
    controller_port: int
    java_options: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def properties(self) -> Path:
        """Return the path of the settings."""
        return self.home / "server.properties"

    def format(self, cluster_id: str) -> subprocess.Popen[bytes]:
        """Begin to make the data folder of a new cluster; the caller waits for the exit code 0."""
        with (self.home / "server.log").open("ab") as log:
            return subprocess.Popen(
                self._java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self.properties)),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def start(self) -> None:
        """Start the process, in a session of its own: the interrupt key of a terminal does not reach it."""
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self.properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.home / "pid").write_text(str(self._process.pid))

    def pid(self) -> int | None:
        """Return the process id, None if the node does not run; it may have been started by another process."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            pid = int((self.home / "pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if str(self.properties) in _command_line(pid) else None

    def signal(self, number: int) -> None:
        """Send a signal, if the node runs."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, number)

    def end(self, number: int) -> None:
        """Send a signal that ends the node and wait until it has ended; kill it after 15 seconds."""
        self.signal(number)
        deadline = time.monotonic() + END_SECONDS
        while self.pid() is not None:
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        (self.home / "pid").unlink(missing_ok=True)

    def log_end(self) -> str:
        """Return the last lines of the log."""
        lines = (self.home / "server.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])

    def known_brokers(self) -> int:
        """Return how many running brokers the node knows, itself included; 0 if it does not answer within 1 second."""
        try:
            return _ask_for_brokers(self.port)
        except OSError:
            return 0

    def _java(self, program: str, *arguments: str) -> list[str]:
        return [
            *(find_java(), *MEMORY, *self.java_options),
            f"-Dlog4j2.configurationFile={(HERE / 'log4j2.properties').as_uri()}",
            *("-cp", f"{fetch_jars()}/*", program, *arguments),
        ]


def _ask_for_brokers(port: int) -> int:
    """Send a Metadata request, version 1, for no topic; its answer begins with the list of brokers."""
    request = struct.pack(">hhih5si", 3, 1, 1, 5, b"ready", 0)
    with socket.create_connection((HOST, port), ANSWER_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        head = b""
        while len(head) < 12:  # length, correlation id, number of brokers
            received = connection.recv(12 - len(head))
            if not received:
                raise ConnectionError("the broker closed the connection")
            head += received
    brokers: int = struct.unpack(">iii", head)[2]
    return brokers


def _command_line(pid: int) -> str:
    """Return the command line of a process, empty if there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        if Path("/proc/self").exists():
            return ""
    return subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
