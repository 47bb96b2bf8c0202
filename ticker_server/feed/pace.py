"""A pace that several share: so many units a second, all of them together."""

from __future__ import annotations

import asyncio

__all__ = ["Pace"]


class Pace:
    """Makes who has done some work wait until it may go on."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._free_at = 0.0

    async def spend(self, units: int) -> None:
        """Account for units that were used, and wait as long as they take at this pace; others wait behind."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(now, self._free_at) + units / self._per_second
        await asyncio.sleep(self._free_at - now)
