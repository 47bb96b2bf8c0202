"""Records of a price log that are no ticks: counted by reason, and told with the place where each stands."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import structlog

from ticker_server.model.acceptance import Reason

__all__ = ["SkipLog"]

_TOLD_A_MINUTE = 20
_MINUTE = 60_000_000_000

_log = structlog.get_logger(__name__)


class SkipLog:
    """Counts what one reader of a topic skips, and logs where it stands: 20 records a minute, of the rest the number.

    Repeats of a publisher are only counted: they are how a publisher makes sure.
    """

    def __init__(self, topic: str, *, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self.counts: Counter[Reason] = Counter()
        self._topic = topic
        self._monotonic = monotonic
        self._minute_began = monotonic()
        self._told = 0
        self._untold: Counter[Reason] = Counter()

    def note(self, partition: int, offset: int, reason: Reason) -> None:
        """Count a skipped record, and log it unless the minute's lines are used up."""
        self.counts[reason] += 1
        if reason is Reason.DUPLICATE:
            return
        self.tell_rest()
        if self._told < _TOLD_A_MINUTE:
            self._told += 1
            _log.warning("record skipped", reason=reason.value, record=f"{self._topic}-{partition}-{offset}")
        else:
            self._untold[reason] += 1

    def tell_rest(self) -> None:
        """Once a minute is over, log how many it had beyond those that were logged; call it now and then."""
        now = self._monotonic()
        if now - self._minute_began < _MINUTE:
            return
        if self._untold:
            by_reason = {reason.value: count for reason, count in sorted(self._untold.items())}
            _log.warning("more records skipped", topic=self._topic, **by_reason)
        self._minute_began, self._told = now, 0
        self._untold.clear()
