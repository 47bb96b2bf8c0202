"""Gateways and sync servers as processes: signals, the event loop, and what happens before and after."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ticker_server.app import Gateway, StartAnew
from ticker_server.settings import Settings, SyncSettings

__all__ = ["run_gateway", "run_sync", "until_first_ends"]

_INTERRUPTED = 130
_GC_THRESHOLDS = (10_000, 50, 100)
"""Watches and ticks are freed by their reference counts; the collector finds what grpc.aio leaves of each call."""

_log = structlog.get_logger(__name__)

Companion = Callable[[Gateway], Coroutine[Any, Any, object]]


def run_gateway(settings: Settings, companion: Companion) -> None:
    """Serve while the companion runs, or until SIGTERM or SIGINT; then drain.

    The companion is started once the gateway serves. A gateway that would do better started anew is, on its port. A second signal ends the process at once with 130.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, companion))


def run_sync(settings: SyncSettings, tell_ready: Callable[[], None]) -> None:
    """Write values to the database until SIGTERM or SIGINT; what was read is stored first.

    A second signal ends the process at once with 130.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_sync(settings, tell_ready))


async def until_first_ends(*works: Coroutine[Any, Any, object]) -> None:
    """Run coroutines side by side until the first one ends, cancel the others, and raise what it raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()


async def _serve(settings: Settings, companion: Companion) -> None:
    stop = asyncio.Event()
    _end_on_signals(stop)
    while True:
        gateway = Gateway(settings)
        try:
            await _serve_once(gateway, stop, companion)
        except StartAnew as reason:
            _log.warning("starting anew", reason=str(reason))
        else:
            return
        # The next one is where clients look for it, also if any free port was asked for.
        settings, companion = settings.model_copy(update={"port": gateway.port}), _stay


async def _serve_once(gateway: Gateway, stop: asyncio.Event, companion: Companion) -> None:
    await until_first_ends(stop.wait(), gateway.start())
    try:
        if not stop.is_set():
            _calm_collector()
            await until_first_ends(stop.wait(), gateway.failed(), companion(gateway))
    finally:
        await gateway.stop()


async def _stay(_gateway: Gateway) -> None:
    await asyncio.Event().wait()


async def _sync(settings: SyncSettings, tell_ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    _end_on_signals(stop)
    # Imported here: the clients of Kafka take a while, and a gateway of the embedded profile does without.
    from ticker_server.app.syncing import sync_until  # noqa: PLC0415

    _calm_collector()
    await sync_until(stop, settings, tell_ready)


def _calm_collector() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _end_on_signals(stop: asyncio.Event) -> None:
    def end() -> None:
        if stop.is_set():
            os._exit(_INTERRUPTED)
        stop.set()

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, end)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop where it is installed: the same loop, 10-20 % cheaper."""
    if sys.platform == "win32":
        return None
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - optional

        return uvloop.new_event_loop
    return None
