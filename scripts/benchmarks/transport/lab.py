"""Where measurements are made: a folder with what they need, and pairs of a server and its reader."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.benchmarks.errors import BenchFailed
from scripts.benchmarks.machine import Cores
from scripts.benchmarks.transport.payload import WATCH
from scripts.benchmarks.transport.row import SYSTEMS
from scripts.benchmarks.worker import Worker, python

__all__ = ["Lab", "Pair", "open_lab"]

_HERE = Path(__file__).parent
_PACKAGE = "scripts.benchmarks.transport"
_CERTIFICATE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2"
_FILES = ("-keyout", "key.pem", "-out", "cert.pem")


@dataclass(slots=True)
class Pair:
    """A server, and the reader of what it sends."""

    system: str
    server: Worker
    reader: Worker
    port: str = "plain"

    def connect(self, connections: int, streams: int = 1) -> float:
        """Open so many streams on each of so many connections; return how many seconds it took."""
        return float(self.reader.ask("connect", self.server.greeting[self.port], connections, streams)["seconds"])

    def close(self) -> None:
        """Close all connections, and wait until the server has let go of their watches."""
        self.reader.ask("close")
        self.server.ask("gone")

    def end(self) -> None:
        """End the reader; the server lets go of its watches."""
        self.reader.end()
        if self.system != "send" and not self.server.has_ended:
            self.server.ask("gone")


class Lab:
    """Starts servers and readers, each side on a core of its own if there are two. What it starts it ends."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.cores = Cores()
        self._stack = stack
        self._servers: dict[str, Worker] = {}
        self.compiler = self._compile()
        self._has_certificate = self._certify()

    @property
    def floor(self) -> str:
        """What the floor is made of."""
        return "C send()" if self.compiler else "Python send()"

    def pair(self, system: str, kind: str = "plain", path: str = WATCH, request: bytes = b"") -> Pair:
        """Return the server of this system, and a reader of this kind that will call a method of it."""
        if system == "send":
            return Pair(system, self._start("the floor", self._floor_command()), self.reader("raw"))
        if kind == "tls" and not self._has_certificate:
            raise BenchFailed("the row tls needs openssl for a certificate: install it, or leave the row out (--rows)")
        if system not in self._servers:
            # All of them start together, which takes long enough.
            self._servers.update({each: self.server(each) for each in SYSTEMS[1:]})
        port = "tls" if kind == "tls" else "plain"
        return Pair(system, self._servers[system], self.reader(kind, path, request.hex()), port)

    def server(self, system: str) -> Worker:
        """Return a new server of this system."""
        return self._start(f"the {system} server", python(f"{_PACKAGE}.server", system, str(self.folder)))

    def reader(self, *arguments: str) -> Worker:
        """Return a new reader."""
        return self._start("the reader", python(f"{_PACKAGE}.reader", *arguments), is_reader=True)

    def _start(self, name: str, command: Sequence[str | Path], *, is_reader: bool = False) -> Worker:
        worker = Worker(name, command, self.cores.reader if is_reader else self.cores.server)
        self._stack.callback(worker.end)
        return worker

    def _floor_command(self) -> Sequence[str | Path]:
        program = self.folder / "floor"
        return (program,) if self.compiler else python(f"{_PACKAGE}.plain_floor")

    def _compile(self) -> str | None:
        """Make the floor of C; return the compiler, None where there is none that works."""
        compiler = shutil.which("cc")
        if compiler is None:
            return None
        command = [compiler, "-O2", "-std=gnu11", "-o", self.folder / "floor", _HERE / "floor.c"]
        return None if subprocess.run(command, check=False, capture_output=True).returncode else compiler

    def _certify(self) -> bool:
        """Make a certificate; return whether there is a program for that."""
        openssl = shutil.which("openssl")
        if openssl is None:
            return False
        command = [openssl, *_CERTIFICATE.split(), *_FILES]
        return not subprocess.run(command, cwd=self.folder, check=False, capture_output=True).returncode


@contextmanager
def open_lab() -> Iterator[Lab]:
    """Provide a lab, whose folder is gone afterwards."""
    with TemporaryDirectory(prefix="ticker-bench-") as folder, ExitStack() as stack:
        yield Lab(Path(folder), stack)
