"""The real servers of the tests come up, lose nothing when they are killed, stand still when frozen, and end for sure."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.broker import running_broker
from tests.support.postgres import Postgres, running_postgres, started_postgres
from tests.support.process_table import children_of, wait_until_gone

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0


def make_topic(servers: str, name: str) -> None:
    """Make a topic of one partition, replicated as the cluster does by default."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(name, 1)])[name].result(SECONDS)


def produce(servers: str, topic: str, *values: bytes, seconds: float = SECONDS) -> list[str]:
    """Write values; return for each the name of its error, "acknowledged" if all replicas in sync have it."""
    results: list[str] = []
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "message.timeout.ms": int(seconds * 1000)})
    for value in values:
        producer.produce(
            topic, value, on_delivery=lambda error, _: results.append(error.name() if error else "acknowledged")
        )
    assert producer.flush(seconds + 5) == 0
    return results


def values_of(servers: str, topic: str, count: int) -> list[bytes | None]:
    """Read a number of values from the beginning."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "unused", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        messages: list[Message] = consumer.consume(count, SECONDS)
        return [message.value() for message in messages]
    finally:
        consumer.close()


def rows_of(url: str) -> list[int]:
    """Read all rows of the table `kept`."""
    with psycopg.connect(url, connect_timeout=2) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY number")]


@pytest.mark.kafka
async def test_broker_survives_a_kill(tmp_path: Path) -> None:
    """A broker that was killed comes back on its port, with all that it has acknowledged."""
    async with running_broker(tmp_path) as broker:
        servers = broker.bootstrap_servers
        make_topic(servers, "kept")
        assert produce(servers, "kept", b"before", b"again") == ["acknowledged"] * 2

        await broker.kill()
        assert produce(servers, "kept", b"lost", seconds=0.5) == ["_MSG_TIMED_OUT"]
        await broker.start()
        await broker.accepts()

        assert produce(broker.bootstrap_servers, "kept", b"after") == ["acknowledged"]
        assert values_of(servers, "kept", 3) == [b"before", b"again", b"after"]


@pytest.mark.kafka
async def test_frozen_broker_goes_on(tmp_path: Path) -> None:
    """A frozen broker answers nothing until it is thawed."""
    async with running_broker(tmp_path) as broker:
        servers = broker.bootstrap_servers
        make_topic(servers, "kept")

        broker.freeze()
        assert produce(servers, "kept", b"unanswered", seconds=0.5) == ["_MSG_TIMED_OUT"]
        broker.thaw()
        await broker.accepts()

        assert produce(servers, "kept", b"after") == ["acknowledged"]


@pytest.mark.kafka
async def test_broker_takes_settings(tmp_path: Path) -> None:
    """A test can give its broker settings of its own."""
    async with running_broker(tmp_path, **{"message.max.bytes": "2000"}) as broker:
        make_topic(broker.bootstrap_servers, "small")

        assert produce(broker.bootstrap_servers, "small", b"x" * 1000) == ["acknowledged"]
        assert produce(broker.bootstrap_servers, "small", b"x" * 3000) == ["MSG_SIZE_TOO_LARGE"]


@pytest.mark.kafka
async def test_three_brokers_replicate(tmp_path: Path) -> None:
    """Three brokers hold three copies of a topic, and one of them can go without loss."""
    async with running_broker(tmp_path, brokers=3) as broker:
        servers = broker.bootstrap_servers
        make_topic(servers, "kept")
        partition = (
            AdminClient({"bootstrap.servers": servers}).list_topics("kept", SECONDS).topics["kept"].partitions[0]
        )
        assert sorted(partition.replicas) == [1, 2, 3]
        assert produce(servers, "kept", b"before") == ["acknowledged"]

        await broker.kill(partition.leader)

        assert produce(servers, "kept", b"without") == ["acknowledged"]
        assert values_of(servers, "kept", 2) == [b"before", b"without"]
        await broker.start()
        await broker.accepts()


@pytest.mark.postgres
async def test_postgres_survives_a_kill(tmp_path: Path) -> None:
    """A server that was killed comes back on its port, with all that it has committed."""
    async with running_postgres(tmp_path) as server:
        url = server.url()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept (number int)")
            connection.execute("INSERT INTO kept VALUES (1)")

        with psycopg.connect(url) as connection:
            await server.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        await server.start()
        await server.accepts()

        assert server.url() == url
        assert rows_of(url) == [1]


@pytest.mark.postgres
async def test_frozen_postgres_goes_on(tmp_path: Path) -> None:
    """A frozen server answers nothing, on connections old and new, until it is thawed."""
    async with running_postgres(tmp_path) as server:
        with psycopg.connect(server.url(), autocommit=True) as old:
            old.execute("CREATE TABLE kept (number int)")

            server.freeze()
            waiting = asyncio.create_task(asyncio.to_thread(old.execute, "INSERT INTO kept VALUES (1)"))
            with pytest.raises(psycopg.OperationalError):
                await asyncio.to_thread(rows_of, server.url())
            assert not waiting.done()
            server.thaw()
            await waiting

        assert rows_of(server.url()) == [1]


@pytest.mark.postgres
async def test_frozen_postgres_can_be_killed(tmp_path: Path) -> None:
    """A frozen server that is killed leaves no process behind that would be in the way of the next."""
    async with running_postgres(tmp_path) as server:
        server.freeze()
        await server.kill()
        await server.start()
        await server.accepts()

        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("on",)


@pytest.mark.postgres
def test_postgres_needs_no_installation(tmp_path: Path) -> None:
    """Where the machine has no PostgreSQL the test dependencies bring one."""
    with started_postgres(tmp_path / "home", installed=[]) as server, psycopg.connect(server.url()) as connection:
        assert connection.info.server_version >= 150000


def test_each_test_has_a_database(postgres: Postgres, postgres_url: str) -> None:
    """A test gets an empty database of its own, on the one server."""
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")

        assert tables.fetchone() == (0,)
        assert connection.info.dbname != postgres.url().rpartition("/")[2]


@pytest.mark.parametrize("server", ["postgres", pytest.param("broker", marks=pytest.mark.kafka)])
def test_servers_end_with_the_tests(server: str, tmp_path: Path) -> None:
    """When the process of the tests is killed, its servers end, even frozen ones."""
    program = f"""
import pathlib, sys
from tests.support.{server} import started_{server}
with started_{server}(pathlib.Path(sys.argv[1])) as server:
    server.freeze()
    print(flush=True)
    sys.stdin.read()
"""
    owner = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "home"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"\n"
    servers = [child for started in children_of(owner.pid) for child in (started, *children_of(started))]
    assert len(servers) >= 2  # with the guard

    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()

    wait_until_gone(servers)
