"""scripts/kafka runs a Kafka that outlives it, and brings its jars once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts.kafka_cluster.jars import FetchFailed, NotInstalled, fetch_jars, jars_name
from tests.support.broker import Broker

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "kafka"


def run(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script to its end."""
    return subprocess.run(
        [shutil.which("bash") or "bash", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
        cwd="/",
    )


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """Return a data folder whose Kafka is ended in any case."""
    yield tmp_path / "data"
    run("--data", tmp_path / "data", "stop")


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """Return a folder for PATH that has nothing but what a shell script cannot do without."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("bash", "dirname"):
        (folder / program).symlink_to(shutil.which(program) or program)
    return folder


def write_program(path: Path, text: str) -> None:
    """Write a shell script that can be run."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def write_java(folder: Path, version: str) -> None:
    """Write a `java` that only tells its version, as Java does."""
    write_program(folder / "java", f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


def maven_that(what: str) -> str:
    """Return a Maven that notes each run in `runs`, beside itself, and then does something with the folder `$out`."""
    return f"""
echo run >> "${{0%/*}}/runs"
for argument; do case $argument in -DoutputDirectory=*) out=${{argument#*=}};; esac; done
{what}"""


@pytest.mark.kafka
def test_cluster_outlives_the_script(data: Path) -> None:
    """A started Kafka answers until it is stopped, keeps its ports, and a second start changes nothing."""
    assert run("--data", data, "status").stdout == "Kafka does not run\n"

    started = run("--data", data, "start")
    servers = started.stdout.splitlines()[-1]
    again = run("--data", data, "start", "--brokers", "1")
    status = run("--data", data, "status").stdout

    assert started.returncode == again.returncode == 0, started.stderr
    assert f"ticker-server serve --kafka {servers} " in started.stdout
    assert again.stdout == started.stdout
    assert "knows 1 brokers" in status
    assert status.splitlines()[-1] == servers

    refused = run("--data", data, "start", "--brokers", "3")
    assert refused.returncode == 1
    assert refused.stderr == "scripts/kafka: a Kafka of 1 node runs already: end it first (scripts/kafka stop)\n"

    assert run("--data", data, "stop").stdout == "Kafka has ended\n"
    assert run("--data", data, "status").stdout == "Kafka does not run\n"
    assert run("--data", data, "stop").stdout == "Kafka does not run\n"
    assert run("--data", data, "start").stdout == started.stdout


@pytest.mark.parametrize("arguments", [[], ["begin"], ["start", "--brokers", "2"]])
def test_usage_errors(arguments: list[str]) -> None:
    """A wrong command line ends with exit code 2."""
    done = run(*arguments)

    assert done.returncode == 2
    assert "usage: scripts/kafka" in done.stderr


def test_any_python_runs_it(data: Path) -> None:
    """The Python that uv shall take for the environment need not be on PATH."""
    assert run("--data", data, "status", environment={"UV_PYTHON": "3.99"}).stdout == "Kafka does not run\n"


def test_missing_java_is_one_line(bare_path: Path, data: Path) -> None:
    """Without Java the script says in one line what to install."""
    done = run("--data", data, "start", environment={"PATH": str(bare_path), "JAVA_HOME": ""})

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("scripts/kafka: Kafka needs Java 17 or later")
    assert "install" in done.stderr


@pytest.mark.parametrize(
    ("java", "maven", "missing"),
    [
        (None, "exit 0", "Java 17 or later:"),
        ("11.0.2", "exit 0", "Java 17 or later:"),
        ("1.8.0_402", None, "Java 17 or later and Maven:"),
        ("17.0.15", None, "Maven:"),
    ],
)
def test_missing_programs_are_named(
    bare_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, java: str | None, maven: str | None, missing: str
) -> None:
    """What is missing for the jars is named in one line, and too old a Java counts as missing."""
    monkeypatch.setenv("PATH", str(bare_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if java is not None:
        write_java(bare_path, java)
    if maven is not None:
        write_program(bare_path / "mvn", maven)

    with pytest.raises(NotInstalled, match=f"Kafka needs {missing} install it ") as error:
        fetch_jars(tmp_path / "cache")

    assert "\n" not in str(error.value)


def test_jars_are_fetched_once(bare_path: Path, tmp_path: Path) -> None:
    """Of two processes that need the jars at once one downloads, and a later one downloads nothing."""
    write_java(bare_path, "21.0.1")
    write_program(bare_path / "mvn", maven_that('/bin/mkdir "$out"; /bin/sleep 0.3; echo jar > "$out/kafka.jar"'))
    cache = tmp_path / "cache"
    program = (
        "import pathlib, sys; from scripts.kafka_cluster.jars import fetch_jars; "
        "print((fetch_jars(pathlib.Path(sys.argv[1])) / 'kafka.jar').read_text(), end='')"
    )
    fetching = [
        subprocess.Popen(
            [sys.executable, "-c", program, cache],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            env={"PATH": str(bare_path)},
        )
        for _ in range(2)
    ]

    assert [process.communicate()[0] for process in fetching] == [b"jar\n", b"jar\n"]
    assert (bare_path / "runs").read_text() == "run\n"
    assert sorted(path.name for path in cache.iterdir()) == [jars_name(), "fetch.lock"]


def test_failed_fetch_leaves_nothing(bare_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that fails half way tells why, and the next one begins anew."""
    monkeypatch.setenv("PATH", str(bare_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    write_java(bare_path, "17.0.1")
    write_program(bare_path / "mvn", maven_that('/bin/mkdir "$out"; echo "the network is away"; exit 1'))
    cache = tmp_path / "cache"

    with pytest.raises(FetchFailed, match="the network is away"):
        fetch_jars(cache)

    assert not (cache / jars_name()).exists()
    write_program(bare_path / "mvn", maven_that('/bin/mkdir "$out"'))
    assert fetch_jars(cache).is_dir()


def test_broker_is_shared(broker: Broker, topic_prefix: str) -> None:
    """Tests share a broker and tell their topics apart by a prefix."""
    assert broker.bootstrap_servers.startswith("127.0.0.1:")
    assert topic_prefix.isalnum()
