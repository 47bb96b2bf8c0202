"""The abuser: a process that does one thing for some seconds, and gives way to whoever is honest.

python -m scripts.benchmarks.harm.abuser PORT ABUSE SECONDS
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time

import uvloop

from scripts.benchmarks.harm.abuses import ABUSES

_NICENESS = 10


async def abuse(port: int, name: str, seconds: float) -> int:
    """Do it again and again; return how often."""
    times, end = 0, time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while time.monotonic() < end:
                with contextlib.suppress(OSError, AssertionError):
                    await ABUSES[name](port)
                times += 1
    return times


def main() -> None:
    """Abuse for as many seconds as each line of stdin says."""
    os.nice(_NICENESS)
    port, name = sys.argv[1:]
    print("{}", flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            times = runner.run(abuse(int(port), name, float(line)))
            print(json.dumps({"times": times}), flush=True)


if __name__ == "__main__":
    main()
