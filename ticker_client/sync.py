"""The SDK for programs without an event loop: the same names, and calls that wait.

    from ticker_client.sync import TickerClient

    with TickerClient("localhost:50051", user_id="ana") as ticker:
        with ticker.watch("AAPL", every_tick=True) as watch:
            for event in watch:
                print(event)

It works as the asyncio SDK does, which runs in a thread behind it: prices are read as they come, whatever the program
does meanwhile. Events, models and errors are those of `ticker_client`. An object may be used by several threads; the
events of a watch are then shared out between them.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ticker_client import client, publisher, watch
from ticker_client.background import BackgroundLoop
from ticker_client.connection import WINDOW_BYTES
from ticker_client.errors import ClientMisused
from ticker_client.events import Event, Opened
from ticker_client.models import PublishResult, Tick
from ticker_client.resume import Resume
from ticker_client.watch import WatchStatistics

__all__ = ["Publisher", "TickerClient", "Watch"]

_LOOP = BackgroundLoop()

_P = ParamSpec("_P")
_Result = TypeVar("_Result")
_Async = client.TickerClient


def _waiting(
    method: Callable[Concatenate[_Async, _P], Coroutine[Any, Any, _Result]],
) -> Callable[Concatenate[TickerClient, _P], _Result]:
    """Return a method that makes a call and waits for its answer."""

    @functools.wraps(method)
    def call(self: TickerClient, /, *args: _P.args, **kwargs: _P.kwargs) -> _Result:
        return _LOOP.run(method(self._client, *args, **kwargs))

    return call


def _listing(
    method: Callable[Concatenate[_Async, _P], AsyncIterator[_Result]],
) -> Callable[Concatenate[TickerClient, _P], Iterator[_Result]]:
    """Return a method that yields what a call lists, waiting for each page when it is needed."""

    @functools.wraps(method)
    def call(self: TickerClient, /, *args: _P.args, **kwargs: _P.kwargs) -> Iterator[_Result]:
        return _taken_from(method(self._client, *args, **kwargs))

    return call


def _watching(
    method: Callable[Concatenate[_Async, _P], watch.Watch],
) -> Callable[Concatenate[TickerClient, _P], Watch]:
    """Return a method that makes a watch."""

    @functools.wraps(method)
    def call(self: TickerClient, /, *args: _P.args, **kwargs: _P.kwargs) -> Watch:
        return Watch(method(self._client, *args, **kwargs))

    return call


def _taken_from(items: AsyncIterator[_Result]) -> Iterator[_Result]:
    """Yield items, each taken when it is asked for."""
    while found := _LOOP.run(_next_of(items)):
        yield found[0]


async def _next_of(items: AsyncIterator[_Result]) -> tuple[_Result] | None:
    """Return the next item, None at the end: StopAsyncIteration does not pass between threads."""
    try:
        return (await anext(items),)
    except StopAsyncIteration:
        return None


class TickerClient:
    """A client of one server; see `ticker_client.TickerClient`, which takes the same arguments.

    It connects when it is first used, inside `with`.
    """

    def __init__(  # noqa: PLR0913 - what a client can be told, by name
        self,
        target: str,
        *,
        user_id: str | None = None,
        token: str | None = None,
        tls_ca: Path | None = None,
        timeout: timedelta = timedelta(seconds=10),
        connect_timeout: timedelta = timedelta(seconds=3),
        window_bytes: int = WINDOW_BYTES,
    ) -> None:
        self._client = _Async(
            target,
            user_id=user_id,
            token=token,
            tls_ca=tls_ca,
            timeout=timeout,
            connect_timeout=connect_timeout,
            window_bytes=window_bytes,
        )

    def __enter__(self) -> Self:
        """Have a thread with an event loop, and open the client in it."""
        _LOOP.enter()
        try:
            _LOOP.run(self._client.__aenter__())
        except BaseException:
            _LOOP.leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the client; watches and calls that are under way in other threads end with ClientMisused."""
        try:
            _LOOP.run(self._client.__aexit__(kind, error, traceback))
        finally:
            _LOOP.leave()

    @property
    def user_id(self) -> str | None:
        """The client's own user; None = it has none."""
        return self._client.user_id

    def publisher(self, publisher_id: str | None = None) -> Publisher:
        """Return the publisher of an id; see `ticker_client.TickerClient.publisher`."""
        return Publisher(self._client.publisher(publisher_id))

    create_stock = _waiting(_Async.create_stock)
    get_stock = _waiting(_Async.get_stock)
    list_stocks = _listing(_Async.list_stocks)
    update_stock = _waiting(_Async.update_stock)
    delete_stock = _waiting(_Async.delete_stock)
    create_user = _waiting(_Async.create_user)
    get_user = _waiting(_Async.get_user)
    delete_user = _waiting(_Async.delete_user)
    add_stock = _waiting(_Async.add_stock)
    add_stocks = _waiting(_Async.add_stocks)
    remove_stocks = _waiting(_Async.remove_stocks)
    list_subscriptions = _listing(_Async.list_subscriptions)
    publish = _waiting(_Async.publish)
    latest = _waiting(_Async.latest)
    bars = _waiting(_Async.bars)
    list_bars = _listing(_Async.list_bars)
    watch = _watching(_Async.watch)


class Watch:
    """Prices as they come; a context manager, and an iterator of events. See `ticker_client.Watch`."""

    def __init__(self, behind: watch.Watch) -> None:
        self._watch = behind

    def __enter__(self) -> Self:
        """Open the watch and wait until the server has said what it follows. Raises the TickerError of a refusal."""
        _LOOP.run(self._watch.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the watch."""
        with contextlib.suppress(ClientMisused):  # the client was closed before, and its watches with it
            _LOOP.run(self._watch.__aexit__(kind, error, traceback))

    @property
    def opened(self) -> Opened:
        """What the server said when it opened the newest stream: what it follows, and what it refused."""
        return self._watch.opened

    @property
    def resume(self) -> Resume:
        """Where the program stands; see `ticker_client.Watch.resume`."""

        async def look() -> Resume:
            return self._watch.resume

        try:
            return _LOOP.run(look())
        except ClientMisused:  # the client was closed; nobody moves it any longer
            return self._watch.resume

    def ready(self) -> None:
        """Wait until the state of every stock has been received once. Raises what ended the watch before that."""
        _LOOP.run(self._watch.ready())

    def statistics(self) -> WatchStatistics:
        """Return how the watch is doing at this moment."""
        return self._watch.statistics()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """Wait for the next event, without those of the stream itself: Opened and Heartbeat. See `all_events()`."""
        found = _LOOP.run(_next_of(self._watch))
        if found is None:
            raise StopIteration
        return found[0]

    def all_events(self) -> Iterator[Event]:
        """Iterate over all events, with Opened and Heartbeat; they are taken from the same buffer as the others."""
        return _taken_from(self._watch.all_events())


class Publisher:
    """Publishes under one id, one batch after the other. See `ticker_client.Publisher`."""

    def __init__(self, behind: publisher.Publisher) -> None:
        self._publisher = behind

    @property
    def publisher_id(self) -> str:
        """The id under which the server knows this publisher."""
        return self._publisher.publisher_id

    @property
    def unconfirmed(self) -> tuple[Tick, ...]:
        """The ticks of the last `publish()` that may be in the price log or not, with their sequences, in order."""
        return self._publisher.unconfirmed

    def publish(self, ticks: Sequence[Tick]) -> list[PublishResult]:
        """Publish ticks in order and return what became of each; see `ticker_client.Publisher.publish`."""
        return _LOOP.run(self._publisher.publish(ticks))
