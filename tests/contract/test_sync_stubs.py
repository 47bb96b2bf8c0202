"""The generated synchronous stubs ask for what the servicers answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import grpc_testing
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from ticker.v1 import (
    price_service_pb2,
    price_service_pb2_grpc,
    stock_service_pb2,
    stock_service_pb2_grpc,
    subscription_service_pb2,
    subscription_service_pb2_grpc,
    user_service_pb2,
    user_service_pb2_grpc,
    watch_service_pb2,
    watch_service_pb2_grpc,
)

from ticker_server.api.prices import PriceServicer
from ticker_server.api.stocks import StockServicer
from ticker_server.api.subscriptions import SubscriptionServicer
from ticker_server.api.users import UserServicer
from ticker_server.api.watches import WatchServicer


@dataclass(frozen=True)
class Service:
    """One service: its descriptor, its generated stub, and the class that answers."""

    descriptor: ServiceDescriptor
    stub: Callable[[Any], Any]
    servicer: type[Any]


SERVICES = [
    Service(
        stock_service_pb2.DESCRIPTOR.services_by_name["StockService"],
        stock_service_pb2_grpc.StockServiceStub,
        StockServicer,
    ),
    Service(
        user_service_pb2.DESCRIPTOR.services_by_name["UserService"],
        user_service_pb2_grpc.UserServiceStub,
        UserServicer,
    ),
    Service(
        subscription_service_pb2.DESCRIPTOR.services_by_name["SubscriptionService"],
        subscription_service_pb2_grpc.SubscriptionServiceStub,
        SubscriptionServicer,
    ),
    Service(
        price_service_pb2.DESCRIPTOR.services_by_name["PriceService"],
        price_service_pb2_grpc.PriceServiceStub,
        PriceServicer,
    ),
    Service(
        watch_service_pb2.DESCRIPTOR.services_by_name["WatchService"],
        watch_service_pb2_grpc.WatchServiceStub,
        WatchServicer,
    ),
]
METHODS = [(service, method) for service in SERVICES for method in service.descriptor.methods]


@pytest.fixture
def channel() -> Any:
    """A channel of which the test is the other end."""
    descriptors = [service.descriptor for service in SERVICES]
    return grpc_testing.channel(descriptors, grpc_testing.strict_real_time())


@pytest.fixture
def caller() -> Iterator[ThreadPoolExecutor]:
    """A thread for the calls, since a synchronous stub waits for its answer."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.mark.parametrize(
    ("service", "method"), METHODS, ids=[f"{service.descriptor.name}-{method.name}" for service, method in METHODS]
)
def test_stub_asks_and_is_answered(
    channel: Any, caller: ThreadPoolExecutor, service: Service, method: MethodDescriptor
) -> None:
    """Each method of the wire is asked for by its stub, gets its type of answer, and has a servicer's coroutine."""
    request, response = GetMessageClass(method.input_type)(), GetMessageClass(method.output_type)()
    call = getattr(service.stub(channel), method.name)

    if method.server_streaming:
        answers: Future[Any] = caller.submit(lambda: list(call(request)))
        _, asked, rpc = channel.take_unary_stream(method)
        rpc.send_initial_metadata(())
        rpc.send_response(response)
        rpc.send_response(response)
        rpc.terminate((), grpc.StatusCode.OK, "")
        assert answers.result(10) == [response, response]
    else:
        answers = caller.submit(call, request)
        _, asked, rpc = channel.take_unary_unary(method)
        rpc.send_initial_metadata(())
        rpc.terminate(response, (), grpc.StatusCode.OK, "")
        assert answers.result(10) == response

    assert asked == request
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower()
    assert asyncio.iscoroutinefunction(getattr(service.servicer, name))


def test_stub_gets_the_answer_of_the_servicer(channel: Any, caller: ThreadPoolExecutor) -> None:
    """What a servicer answers is what the stub returns."""
    method = price_service_pb2.DESCRIPTOR.services_by_name["PriceService"].methods_by_name["GetLatestPrices"]
    stub = price_service_pb2_grpc.PriceServiceStub(channel)
    request = price_service_pb2.GetLatestPricesRequest(stock_ids=["AAPL", "AAPL"])
    answer = caller.submit(stub.GetLatestPrices, request)

    _, asked, rpc = channel.take_unary_unary(method)
    told = asyncio.run(unknown_stocks_only().get_latest_prices(asked, None))  # type: ignore[arg-type]
    rpc.send_initial_metadata(())
    rpc.terminate(told, (), grpc.StatusCode.OK, "")

    assert list(answer.result(10).unknown_stock_ids) == ["AAPL"]
    assert answer.result(10).log_epoch == "epoch-1"


def unknown_stocks_only() -> PriceServicer:
    """Return a servicer that knows no stock."""

    class Log:
        epoch = "epoch-1"

    async def find(_: str) -> None:
        return None

    return PriceServicer(
        log=Log(),  # type: ignore[arg-type]
        find_stock=find,
        newest=lambda _: None,
        stocks_after=lambda _after, _limit: [],
        clock=None,  # type: ignore[arg-type]
    )
