"""What tells a reader of changes that it may have missed something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from structlog.testing import capture_logs

from ticker_server.errors import PriceLogUnavailable
from ticker_server.feed.kafka.change_watch import ChangeWatch, Contact
from ticker_server.feed.kafka.offsets import READABLE_END, LogReplaced, Question, TopicOffsets

AWAY = PriceLogUnavailable("away")


class ScriptedOffsets:
    """Answers each question with the next of its answers, at the second that goes with it; then for ever with the last.

    `asked` is released at each question, and `then` called.
    """

    def __init__(
        self, *answers: tuple[float, dict[int, int] | Exception], then: Callable[[], None] = lambda: None
    ) -> None:
        self.now = 0.0
        self.asked = asyncio.Semaphore(0)
        self._then = then
        self._answers = list(answers)

    async def ask(self, question: Question, partitions: Sequence[int], *, seconds: float) -> dict[int, int]:
        """Return or raise the next answer."""
        assert question is READABLE_END
        assert seconds <= 2
        self.now, answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.asked.release()
        self._then()
        if isinstance(answer, Exception):
            raise answer
        return {partition: answer[partition] for partition in partitions}

    async def close(self) -> None:
        """Close nothing."""


def watch(offsets: ScriptedOffsets, look_seconds: float = 0.0) -> ChangeWatch:
    """Return a watch that looks without pauses, on the clock of the script."""
    contact = Contact("t", monotonic=lambda: offsets.now)
    return ChangeWatch(cast("TopicOffsets", offsets), contact, look_seconds=look_seconds, monotonic=lambda: offsets.now)


async def test_end_before_the_place_is_told() -> None:
    """A partition that ends before what was read of it is another one."""
    doubt = await watch(ScriptedOffsets((0, {0: 7, 1: 7}), (1, {0: 7, 1: 3}))).run({0: 7, 1: 5})

    assert doubt == "partition 1 ends at 3, but was read through 5"


async def test_topic_made_anew_is_told() -> None:
    """A topic of the same name is another one."""
    assert await watch(ScriptedOffsets((0, {0: 7}), (1, LogReplaced("made anew")))).run({0: 7}) == "made anew"


async def test_partition_that_is_not_read_is_told() -> None:
    """A partition that has more for over ten seconds and is not read on is stuck."""
    answers = [(float(second), {0: 9, 1: 4}) for second in range(12)]

    doubt = await watch(ScriptedOffsets(*answers)).run({0: 7, 1: 4})

    assert doubt == "partition 0 is not read on from 7, and ends at 9"


async def test_partition_that_is_read_slowly_is_not_stuck() -> None:
    """What goes on, however slowly, is no reason for doubt; nor is an idle partition."""
    places = {0: 0, 1: 4}

    def read_on() -> None:
        places[0] += 1

    slow = [(9.0 * turn, {0: 99, 1: 4}) for turn in range(20)]
    offsets = ScriptedOffsets(*slow, (200, LogReplaced("end")), then=read_on)

    assert await watch(offsets).run(places) == "end"


async def test_absence_is_bridged_and_told_once() -> None:
    """Kafka may be away for a while: that is told at its begin and its end, and is no reason for doubt."""
    offsets = ScriptedOffsets(
        (0, {0: 9}), (1, AWAY), (2, AWAY), (1800, AWAY), (1801, {0: 9}), (1802, {0: 9}), (1803, LogReplaced("end"))
    )
    with capture_logs() as logs:
        assert await watch(offsets).run({0: 7}) == "end"

    assert [entry["event"] for entry in logs] == [
        "topic of changes does not answer, waiting for it",
        "topic of changes answers again",
    ]
    assert logs[1]["after_seconds"] == 1800


async def test_long_absence_is_told() -> None:
    """After hours the tombstones of what was removed may be gone."""
    doubt = await watch(ScriptedOffsets((0, AWAY), (3601, {0: 7}))).run({0: 7})

    assert doubt == "Kafka did not answer for 3601 s"


async def test_hint_shortens_the_pause() -> None:
    """Who learns that the topic is not known does not wait for the next look."""
    offsets = ScriptedOffsets((0, {0: 7}), (0, LogReplaced("made anew")))
    patient = watch(offsets, look_seconds=3600.0)
    running = asyncio.create_task(patient.run({0: 7}))
    await offsets.asked.acquire()

    patient.look_now()

    assert await running == "made anew"


async def test_contact_is_waited_for() -> None:
    """Who reads only while Kafka answers waits through an absence, and not at all without one."""
    contact = Contact("t")
    other = asyncio.create_task(asyncio.Event().wait(), name="never done")
    await contact.found_or(other)

    contact.lost(AWAY)
    waiting = asyncio.create_task(contact.found_or(other))
    await asyncio.wait({waiting}, timeout=0)
    assert contact.is_lost
    assert not waiting.done()

    contact.found()
    await waiting
    assert not contact.is_lost
    other.cancel()


async def test_contact_is_not_waited_for_in_vain() -> None:
    """When the other task is done, the wait is over, with or without Kafka."""
    contact = Contact("t")
    contact.lost(AWAY)
    other = asyncio.create_task(asyncio.sleep(0))

    await contact.found_or(other)

    assert contact.is_lost
