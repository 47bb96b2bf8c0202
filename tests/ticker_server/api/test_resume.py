"""The rules of resume."""

from __future__ import annotations

import pytest
from ticker.v1 import watch_service_pb2

from ticker_server.api.resume import note_resume_faults
from ticker_server.api.validation import Violations
from ticker_server.errors import InvalidArgument

Position = watch_service_pb2.Position


def judge(
    *positions: watch_service_pb2.Position,
    epoch: str = "e",
    users: tuple[str, ...] = (),
    stocks: tuple[str, ...] = (),
    all_stocks: bool = False,
) -> list[str]:
    """Return what is wrong with a resume, as `field: description`."""
    found = Violations()
    resume = watch_service_pb2.Resume(log_epoch=epoch, positions=positions)
    note_resume_faults(found, resume, set(users), set(stocks), all_stocks=all_stocks)
    try:
        found.check()
    except InvalidArgument as error:
        return [f"{each.field}: {each.description}" for each in error.violations if each.reason == "INVALID_RESUME"]
    return []


@pytest.mark.parametrize(
    ("position", "options"),
    [
        (Position(stock_id="A", sequence=1, tick_number=1), {"stocks": ("A",)}),
        (Position(stock_id="A", sequence=1), {"stocks": ("A",)}),
        (Position(stock_id="A"), {"stocks": ("A",)}),
        (Position(stock_id="Z", sequence=1), {"stocks": ("*",), "all_stocks": True}),
        (Position(stock_id="A", sequence=1), {"users": ("ana",)}),
        (Position(stock_id="A", sequence=1, user_id="ana"), {"users": ("ana", "bob")}),
    ],
)
def test_position_is_taken(position: watch_service_pb2.Position, options: dict[str, object]) -> None:
    """A position of something that is watched is taken; without numbers it says that there was no price yet."""
    assert judge(position, **options) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("position", "options", "told"),
    [
        (Position(stock_id="a", sequence=1), {"stocks": ("A",)}, '"a" is not a stock id'),
        (
            Position(stock_id="A", tick_number=1),
            {"stocks": ("A",)},
            'the position of stock "A" has a tick_number and no sequence',
        ),
        (Position(stock_id="B", sequence=1), {"stocks": ("A",)}, 'stock "B" is not watched'),
        (Position(stock_id="A", sequence=1, user_id="@"), {"users": ("ana",)}, '"@" is not a user id'),
        (Position(stock_id="A", sequence=1, user_id="bob"), {"users": ("ana",)}, 'user "bob" is not watched'),
        (Position(stock_id="A", sequence=1, user_id="bob"), {"stocks": ("A",)}, 'user "bob" is not watched'),
        (Position(stock_id="A", sequence=1), {"users": ("a", "b")}, 'the position of stock "A" must name its user'),
    ],
)
def test_position_is_refused(position: watch_service_pb2.Position, options: dict[str, object], told: str) -> None:
    """A position that is malformed or belongs to nothing that is watched is refused by name."""
    (fault,) = judge(position, **options)  # type: ignore[arg-type]

    assert fault.startswith(f"resume.positions[0]: {told}")


def test_epoch_must_be_set() -> None:
    """A resume without an epoch is refused."""
    (fault,) = judge(epoch="")

    assert fault.startswith("resume.log_epoch: ")


def test_stock_has_one_position() -> None:
    """Two positions of one stock are refused, also when the one user is named in only one of them."""
    first, second = Position(stock_id="A", sequence=1), Position(stock_id="A", sequence=2, user_id="ana")

    assert judge(first, second, users=("ana",)) == ['resume.positions[1]: stock "A" has two positions']


def test_endless_faults_are_not_all_kept() -> None:
    """Of a hundred thousand bad positions some thousands are kept, and the rest is not looked at."""
    assert len(judge(*[Position()] * 100_000)) == 10_000
