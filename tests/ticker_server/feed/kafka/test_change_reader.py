"""Reading catalog changes: nothing between a reload and what follows it, on a real Kafka."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
from structlog.testing import capture_logs

from tests.support.broker import Broker
from tests.support.change_recorder import ChangeRecorder, following
from tests.support.change_topics import PARTITIONS, ChangeTopicAdmin
from tests.support.sample_changes import added, listed
from ticker_server.errors import DatabaseUnavailable
from ticker_server.feed.kafka.change_reader import ChangeReader
from ticker_server.feed.kafka.change_records import encode_change
from ticker_server.feed.kafka.changes import ChangeTopic
from ticker_server.model.acceptance import Reason
from ticker_server.model.change import Change
from ticker_server.model.partition import home_partition

USERS = ("ana", "bo", "cleo", "dora", "emil", "finn", "gina", "hugo")


@pytest.fixture
async def topic(broker: Broker, topic_prefix: str) -> ChangeTopicAdmin:
    """Return a new topic."""
    admin = ChangeTopicAdmin(broker, topic_prefix)
    await admin.make()
    return admin


@pytest.fixture
async def changes(topic: ChangeTopicAdmin) -> AsyncIterator[ChangeTopic]:
    """Return a gateway's end of the topic."""
    end = ChangeTopic(topic.connection, topic.name, PARTITIONS)
    yield end
    await end.close()


def for_each_user(revision: int) -> list[Change]:
    """Return a change for each of some users, who together live in all partitions."""
    return [added(user, "AAPL", revision) for user in USERS]


def test_users_live_in_all_partitions() -> None:
    """The users of these tests have every partition as a home."""
    assert {home_partition(user, PARTITIONS) for user in USERS} == set(range(PARTITIONS))


async def test_nothing_of_before_the_start_is_applied(changes: ChangeTopic) -> None:
    """What was published before is in the reload; only what comes after is applied."""
    await changes.publish(for_each_user(1))
    async with following(changes, ChangeRecorder()) as recorder:
        await changes.publish(for_each_user(2))
        await recorder.has_applied(*for_each_user(2))

        assert Counter(recorder.changes) == Counter(for_each_user(2))


async def test_changes_during_the_reload_are_applied_after_it(changes: ChangeTopic) -> None:
    """What is published while a reload goes on is not missed, and waits for its end."""
    recorder = ChangeRecorder()
    recorder.gate.clear()

    async def publish_while_reloading() -> None:
        await recorder.has_reloaded(1)
        await changes.publish(for_each_user(1))
        assert not recorder.changes
        recorder.gate.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish_while_reloading())
        async with following(changes, recorder):
            await recorder.has_applied(*for_each_user(1))


async def test_failed_reload_is_tried_again(changes: ChangeTopic) -> None:
    """While the database is away the reader has not started, and says so once."""
    recorder = ChangeRecorder(DatabaseUnavailable("away"), DatabaseUnavailable("still"))
    with capture_logs() as logs:
        async with following(changes, recorder):
            await changes.publish([listed("AAPL", 1)])
            await recorder.has_applied(listed("AAPL", 1))

    assert recorder.reloads == 1
    assert [entry["error"] for entry in logs if "reload" in entry["event"]] == ["DATABASE_UNAVAILABLE: away"]


async def test_failure_of_apply_ends_the_run(changes: ChangeTopic) -> None:
    """What goes wrong in the gateway is not hidden."""

    async def apply(changes: Sequence[Change]) -> None:
        raise ZeroDivisionError(len(changes))

    running = asyncio.create_task(changes.run(apply, ChangeRecorder().reload))
    await changes.started()
    await changes.publish([listed("AAPL", 1)])

    with pytest.raises(ZeroDivisionError):
        await running


async def test_foreign_records_are_skipped_and_told(topic: ChangeTopicAdmin, changes: ChangeTopic) -> None:
    """What is no change of ours is counted by reason, logged with its place, and everything else flows."""
    record = encode_change(added("ana", "AAPL", 1))
    home = record.partition(PARTITIONS)
    reader = ChangeReader(topic.connection, topic.name, PARTITIONS)
    with capture_logs() as logs:
        async with following(reader, ChangeRecorder()) as recorder:
            await topic.write(b"noise", None, [], home)
            await topic.write(record.key, record.value, [], home)
            await topic.write(record.key, b"\xff", record.headers, home)
            await topic.write(record.key, b"x" * 5000, record.headers, home)
            await topic.write(b"bo/AAPL", record.value, record.headers, home)
            await topic.write(record.key, record.value, record.headers, (home + 1) % PARTITIONS)
            await changes.publish([*for_each_user(2), listed("AAPL", 3)])
            await recorder.has_applied(*for_each_user(2), listed("AAPL", 3))

            assert len(recorder.changes) == len(USERS) + 1

    assert reader.skips.counts == {
        Reason.WRONG_KEY: 2,
        Reason.MALFORMED: 2,
        Reason.TOO_LARGE: 1,
        Reason.WRONG_PARTITION: 1,
    }
    skipped = {entry["record"] for entry in logs if entry["event"] == "record skipped"}
    assert skipped == {f"{topic.name}-{home}-{offset}" for offset in range(5)} | {
        f"{topic.name}-{(home + 1) % PARTITIONS}-0"
    }


@pytest.mark.parametrize("commit", [True, False])
async def test_transaction_counts_when_it_is_committed(
    topic: ChangeTopicAdmin, changes: ChangeTopic, *, commit: bool
) -> None:
    """A change of a transaction that was rolled back is none, and its markers disturb nothing."""
    async with following(changes, ChangeRecorder()) as recorder:
        await topic.write_in_transaction(added("ana", "AAPL", 1), commit=commit)
        await changes.publish(for_each_user(2))
        await recorder.has_applied(*for_each_user(2))

        assert (added("ana", "AAPL", 1) in recorder.changes) == commit


async def test_added_partitions_are_left_alone(topic: ChangeTopicAdmin, changes: ChangeTopic) -> None:
    """Changes stay in their home partitions, and what strays into added ones is not read."""
    stray = encode_change(added("zoe", "AAPL", 1))
    async with following(changes, ChangeRecorder()) as recorder:
        await topic.add_partitions(2 * PARTITIONS)
        await topic.write(stray.key, stray.value, stray.headers, PARTITIONS)
        await changes.publish(for_each_user(2))
        await recorder.has_applied(*for_each_user(2))

        assert Counter(recorder.changes) == Counter(for_each_user(2))
        assert recorder.reloads == 1


async def test_topic_made_anew_is_reloaded_and_read(topic: ChangeTopicAdmin, changes: ChangeTopic) -> None:
    """After the topic was deleted and made anew, also past the old place, everything is reloaded and goes on."""
    async with following(changes, ChangeRecorder()) as recorder:
        await changes.publish(for_each_user(1))
        await recorder.has_applied(*for_each_user(1))
        await topic.delete()
        await topic.make()
        filling = ChangeTopic(topic.connection, topic.name, PARTITIONS)
        for revision in (2, 3, 4):
            await filling.publish(for_each_user(revision))
        await filling.close()

        await recorder.has_reloaded(2)
        await changes.publish(for_each_user(5))
        await recorder.has_applied(*for_each_user(5))


async def test_missing_topic_is_waited_for(broker: Broker, topic_prefix: str) -> None:
    """A gateway that starts before the topic is there starts when it is, and says both once."""
    topic = ChangeTopicAdmin(broker, topic_prefix)
    reader = ChangeReader(topic.connection, topic.name, PARTITIONS)
    recorder = ChangeRecorder()
    with capture_logs() as logs:
        running = asyncio.create_task(reader.run(recorder.apply, recorder.reload))
        await asyncio.wait({running}, timeout=1.5)
        assert not recorder.reloads
        await topic.make()
        await recorder.has_reloaded(1)
        running.cancel()
        await asyncio.wait({running})

    events = [entry["event"] for entry in logs if entry.get("topic") == topic.name and "answer" in entry["event"]]
    assert events == ["topic of changes does not answer, waiting for it", "topic of changes answers again"]
