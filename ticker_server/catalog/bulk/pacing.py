"""Keeps an import from running away from the gateways that relay its changes."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["COUNTED_WAITING", "MOST_WAITING", "OutboxPace"]

MOST_WAITING = 2_000
"""So many changes may wait in the outbox before the next chunk. Gateways relay them within about a second, and what
others change meanwhile waits behind them."""

COUNTED_WAITING = 50 * MOST_WAITING
"""Counting ends here: an outbox that nobody relays may have millions."""

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 2.0


class OutboxPace:
    """Waits after a chunk until the outbox is short again, as long as somebody makes it shorter.

    Where no gateway runs nobody does: then there is nobody to wait for, until the outbox is found short again.

    `backlog` counts the waiting changes, up to COUNTED_WAITING; `sleep` waits for so many seconds.
    """

    def __init__(self, backlog: Callable[[], int], sleep: Callable[[float], None]) -> None:
        self._backlog = backlog
        self._sleep = sleep
        self._attended = True

    def wait(self) -> None:
        """Wait until the next chunk may come."""
        waiting = self._backlog()
        self._attended = self._attended or waiting <= MOST_WAITING
        patience = _PATIENCE_SECONDS
        while self._attended and waiting > MOST_WAITING:
            self._sleep(_POLL_SECONDS)
            before, waiting = waiting, self._backlog()
            patience = _PATIENCE_SECONDS if waiting < before else patience - _POLL_SECONDS
            self._attended = patience > 0
