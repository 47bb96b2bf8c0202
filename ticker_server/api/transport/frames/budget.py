"""What a peer has left of its allowances: token buckets, kept for those that it draws on."""

from __future__ import annotations

from ticker_server.api.transport.frames.limits import Allowance

__all__ = ["Budget"]


class Budget:
    """The buckets of one connection. Most peers never draw on any."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[int, tuple[float, float]] | None = None

    def spend(self, allowance: Allowance, now: float) -> bool:
        """Take one from an allowance at a monotonic moment, in seconds; False if there is none left.

        An allowance is known by its identity: two of equal numbers are two.
        """
        if self._buckets is None:
            self._buckets = {}
        key = id(allowance)
        left, since = self._buckets.get(key, (float(allowance.burst), now))
        left = min(allowance.burst, left + (now - since) * allowance.per_second) - 1
        if left < 0:
            return False
        self._buckets[key] = (left, now)
        return True
