"""The SDK without asyncio behind the face of the one with it, so that one test serves both.

What waits in `ticker_client.sync` waits in a thread here, as in a program that has no event loop.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Self, TypeVar, cast

import ticker_client
from ticker_client import Event, TickerClient, Watch, sync

__all__ = ["Connect", "received_all", "waiting_client"]

_Item = TypeVar("_Item")

Connect = Callable[..., AbstractAsyncContextManager[TickerClient]]
"""Makes a client, with the arguments of TickerClient."""


class _Waiting:
    """An object of the SDK without asyncio, whose methods can be awaited where those of the other one can.

    Everything that it does not know by itself is that of the object.
    """

    _theirs: type[object]

    def __init__(self, behind: Any) -> None:
        self.behind = behind

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.behind.__enter__)
        return self

    async def __aexit__(self, *how: object) -> None:
        await asyncio.to_thread(self.behind.__exit__, *how)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.behind, name)
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(self._theirs, name))):
            return lambda *args, **words: asyncio.to_thread(method, *args, **words)
        return method


class _WaitingTicker(_Waiting):
    _theirs = ticker_client.TickerClient

    def watch(self, *args: Any, **words: Any) -> _WaitingWatch:
        return _WaitingWatch(self.behind.watch(*args, **words))

    def publisher(self, *args: Any) -> _WaitingPublisher:
        return _WaitingPublisher(self.behind.publisher(*args))

    def list_stocks(self) -> AsyncIterator[Any]:
        return _each(self.behind.list_stocks())

    def list_subscriptions(self, *args: Any) -> AsyncIterator[Any]:
        return _each(self.behind.list_subscriptions(*args))

    def list_bars(self, *args: Any, **words: Any) -> AsyncIterator[Any]:
        return _each(self.behind.list_bars(*args, **words))


class _WaitingWatch(_Waiting):
    _theirs = ticker_client.Watch

    def __aiter__(self) -> AsyncIterator[Event]:
        return _each(iter(self.behind))

    async def __anext__(self) -> Event:
        async for event in self:
            return event
        raise StopAsyncIteration

    def all_events(self) -> AsyncIterator[Event]:
        return _each(self.behind.all_events())


class _WaitingPublisher(_Waiting):
    _theirs = ticker_client.Publisher


async def _each(items: Iterator[_Item]) -> AsyncIterator[_Item]:
    """Yield items, each taken in a thread when it is asked for."""
    while found := await asyncio.to_thread(lambda: [*_first(items)]):
        yield found[0]


def _first(items: Iterator[_Item]) -> Iterator[_Item]:
    for item in items:
        yield item
        return


def waiting_client(target: str, **words: Any) -> AbstractAsyncContextManager[TickerClient]:
    """Return a client of the SDK without asyncio, to be used as the one with it."""
    return cast("AbstractAsyncContextManager[TickerClient]", _WaitingTicker(sync.TickerClient(target, **words)))


async def received_all(watch: Watch) -> None:
    """Wait until a watch has received everything up to the end of its last stream."""
    if not isinstance(watch, _WaitingWatch):
        await _end_of(watch)
        return
    loop = sync._LOOP
    await asyncio.to_thread(loop.run, _end_of(watch.behind._watch))


async def _end_of(watch: Watch) -> None:
    assert watch._reader is not None
    await asyncio.wait([watch._reader])
