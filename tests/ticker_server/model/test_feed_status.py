from __future__ import annotations

from ticker.v1 import watch_service_pb2

from ticker_server.model.feed_status import FeedState


def test_states_are_those_of_the_wire() -> None:
    """Each state has the number of the wire's state of the same name."""
    wire = {name.removeprefix("FEED_STATE_"): number for name, number in watch_service_pb2.FeedState.items()}

    assert {state.name: state.value for state in FeedState} | {"UNSPECIFIED": 0} == wire
