"""What Kafka runs on: its jars, fetched with Maven once per checkout, and Java."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
CACHE = HERE.parent.parent / ".cache" / "kafka"
OLDEST_JAVA = 17
HOW_TO_INSTALL = "Debian: apt install openjdk-17-jre-headless maven; macOS: brew install openjdk maven"


class NotInstalled(Exception):
    """This machine lacks a program that Kafka needs; the message is one line that says what to install."""


class FetchFailed(Exception):
    """Maven could not bring the jars; the message holds its output."""


def kafka_version() -> str:
    """Return the version of Kafka that the POM names."""
    version = re.search(r"<kafka\.version>(.+)</kafka\.version>", POM.read_text())
    assert version is not None, f"{POM} names no kafka.version"
    return version[1]


def jars_name() -> str:
    """Return the name of the folder of the jars: the version, and which jars the POM names."""
    return f"{kafka_version()}-{zlib.crc32(POM.read_bytes()):08x}"


def find_java() -> str:
    """Return the path of a Java of 17 or later: that of JAVA_HOME, otherwise the first on PATH.

    Raises:
        NotInstalled: there is none, or an older one.
    """
    home = os.environ.get("JAVA_HOME")
    for candidate in (f"{home}/bin/java" if home else "java", "java"):
        java = shutil.which(candidate)
        if java is not None and _java_release(java) >= OLDEST_JAVA:
            return java
    raise NotInstalled(_missing(f"Java {OLDEST_JAVA} or later"))


def fetch_jars(cache: Path = CACHE) -> Path:
    """Return the folder of Kafka's jars, after Maven has brought them if they are not there yet.

    Several processes may ask at once: one downloads and the others wait for it. The folder appears complete or not
    at all.

    Raises:
        NotInstalled: the jars are not there and Maven is not installed, or there is no Java.
        FetchFailed: Maven could not bring them.
    """
    jars = cache / jars_name()
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    java = _java_or_none()
    if maven is None or java is None:
        missing = [f"Java {OLDEST_JAVA} or later"] * (java is None) + ["Maven"] * (maven is None)
        raise NotInstalled(_missing(" and ".join(missing)))
    with _locked(cache / "fetch.lock"):
        if not jars.is_dir():
            _download(maven, jars)
    return jars


def _download(maven: str, jars: Path) -> None:
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix="fetch-") as folder:
        complete = Path(folder) / "jars"
        done = subprocess.run(
            [
                *(maven, "--quiet", "--batch-mode", "--strict-checksums", "-Dstyle.color=never", "--file", POM),
                *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={complete}"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0 or not complete.is_dir():
            raise FetchFailed(f"Maven could not bring Kafka's jars:\n{done.stdout.decode(errors='replace').strip()}")
        complete.rename(jars)


def _java_or_none() -> str | None:
    try:
        return find_java()
    except NotInstalled:
        return None


@cache
def _java_release(java: str) -> int:
    """Return 17 for `openjdk version "17.0.15"`, 1 for `"1.8.0"`, and 0 for what is no Java."""
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    release = re.search(r'version "(\d+)', answer.stderr)
    return int(release[1]) if release else 0


def _missing(what: str) -> str:
    return f"Kafka needs {what}: install it ({HOW_TO_INSTALL})"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
