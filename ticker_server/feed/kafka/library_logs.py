"""What the Kafka libraries log: each complaint once a minute, because they repeat it with every try."""

from __future__ import annotations

import logging
import time

__all__ = ["OncePerMinute", "limit_library_logs"]

_MINUTE = 60.0
_MOST_REMEMBERED = 1_000


class OncePerMinute(logging.Filter):
    """Lets a line through unless one of the same form came less than a minute before."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is logged."""
        now = time.monotonic()
        if now - self._last.get(record.msg, -_MINUTE) < _MINUTE:
            return False
        if len(self._last) >= _MOST_REMEMBERED:
            self._last.clear()
        self._last[record.msg] = now
        return True


_FILTER = OncePerMinute()


def limit_library_logs() -> None:
    """Let aiokafka's loggers, as many as there are by now, say the same thing once a minute."""
    for name in logging.root.manager.loggerDict:
        if name.split(".")[0] == "aiokafka":
            logger = logging.getLogger(name)
            if _FILTER not in logger.filters:
                logger.addFilter(_FILTER)
