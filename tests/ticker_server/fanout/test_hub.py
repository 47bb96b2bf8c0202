"""The hub: newest ticks, and who gets each at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from tests.support.fanout_rig import accepted
from ticker_server.fanout.hub import Hub
from ticker_server.model.stock import Stock
from ticker_server.model.tick import AcceptedTick


@dataclass(eq=False)
class Receiver:
    """Keeps what it was put."""

    ticks: list[AcceptedTick] = field(default_factory=list)

    def pull(self) -> None:
        """Do nothing: the caller of publish lets it pull."""


def listed(*stock_ids: str) -> Hub:
    """Return a hub that knows stocks."""
    hub = Hub()
    for stock_id in stock_ids:
        hub.list_stock(Stock(stock_id, stock_id, "USD", 0))
    return hub


def receive(hub: Hub, *stock_ids: str) -> Receiver:
    """Return a receiver of every tick of stocks."""
    receiver = Receiver()
    for stock_id in stock_ids:
        hub.quote(stock_id).receivers[receiver] = receiver.ticks.append
    return receiver


def test_newest_is_the_last_published() -> None:
    """The hub holds the newest tick of each stock."""
    hub = listed("A", "B")
    hub.publish([accepted("A", 1, 1), accepted("B", 2, 1), accepted("A", 3, 2)])

    assert [tick.sequence for stock_id in "AB" if (tick := hub.newest(stock_id)) is not None] == [3, 2]
    assert hub.newest("C") is None


def test_asking_for_the_newest_makes_no_quote() -> None:
    """Asking about unknown stocks does not let the hub grow."""
    hub = listed()
    hub.newest("A")

    assert not hub._quotes


def test_receivers_get_each_tick_of_their_stocks_in_order() -> None:
    """A receiver is put every tick of what it follows, and is returned once."""
    hub = listed("A", "B", "C")
    both, one, other = receive(hub, "A", "B"), receive(hub, "B"), receive(hub, "C")
    ticks = [accepted("B", 1, 1), accepted("A", 2, 1), accepted("B", 3, 2), accepted("A", 4, 2)]
    touched = list(hub.publish(ticks))

    assert both.ticks == ticks
    assert one.ticks == [ticks[0], ticks[2]]
    assert touched == [both, one]
    assert not other.ticks


def test_those_touched_are_a_list_of_their_own() -> None:
    """A receiver may leave while those touched are pulled in slices."""
    hub = listed("A")
    first, second = receive(hub, "A"), receive(hub, "A")
    touched = hub.publish([accepted("A", 1, 1)])
    for receiver in touched:
        hub.quote("A").receivers.pop(receiver)

    assert set(touched) == {first, second}


def test_price_is_not_shown_while_the_stock_does_not_exist() -> None:
    """A tick of an unknown stock is kept, and is its price once it exists."""
    hub = listed()
    hub.publish([accepted("A", 1, 1)])

    assert hub.quote("A").price is None
    hub.list_stock(Stock("A", "A", "USD", 0))
    assert hub.quote("A").price is hub.newest("A")


def test_price_of_a_former_life_is_hidden() -> None:
    """A stock that was deleted and created again has no price until the next tick."""
    hub = listed("A")
    hub.publish([accepted("A", 1, 1)])
    hub.unlist_stock("A")
    hub.list_stock(Stock("A", "A", "USD", 0, hidden_through=1))

    assert hub.quote("A").price is None
    hub.publish([accepted("A", 2, 2)])
    assert hub.quote("A").price is hub.newest("A")


def test_who_follows_an_unlisted_stock_gets_its_ticks() -> None:
    """A watch that saw the stock in the catalog before this gateway heard of it misses nothing."""
    hub = Hub()
    receiver = receive(hub, "A")
    hub.publish([accepted("A", 1, 1)])

    assert len(receiver.ticks) == 1


def test_listed_are_those_that_exist() -> None:
    """Deleted stocks and those that have only ticks are not listed."""
    hub = listed("A", "B")
    hub.publish([accepted("C", 1, 1)])
    hub.unlist_stock("B")

    assert [quote.stock_id for quote in hub.listed()] == ["A"]


@given(
    before=st.lists(st.sampled_from("ABCDEF")),
    after=st.lists(st.sampled_from("ABCDEF")),
    unlisted=st.sets(st.sampled_from("ABCDEF")),
)
def test_changed_since_is_each_listed_stock_with_a_later_tick(
    before: list[str], after: list[str], unlisted: set[str]
) -> None:
    """What changed since a version is told once per stock, the longest unchanged first."""
    hub = listed(*"ABCDEF")
    hub.publish([accepted(stock_id, index, index) for index, stock_id in enumerate(before, 1)])
    version = hub.version
    hub.publish([accepted(stock_id, 100 + index, 100 + index) for index, stock_id in enumerate(after)])
    for stock_id in unlisted:
        hub.unlist_stock(stock_id)
    last_first = dict.fromkeys(reversed(after))
    expected = [stock_id for stock_id in reversed(last_first) if stock_id not in unlisted]

    assert expected == [quote.stock_id for quote in hub.changed_since(version)]
    assert not hub.changed_since(hub.version)


def test_former_life_counts_in_its_own_log_alone() -> None:
    """What is hidden of a stock's former life is told by sequences of one log; in another log nothing is hidden."""
    stock = Stock("A", "A", "USD", 0, hidden_through=7, hidden_epoch="old")

    for epoch, shown in (("old", False), ("new", True)):
        hub = Hub(epoch)
        quote = hub.list_stock(stock)
        hub.publish([accepted("A", 5, 1)])
        assert (quote.price is not None) is shown
