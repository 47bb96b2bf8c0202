"""The rules of single values."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.api import validation
from ticker_server.api.validation import Fault, Violations
from ticker_server.errors import InvalidArgument

INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)


@pytest.mark.parametrize("stock_id", ["A", "AAPL", "BRK.B", "0", "A-B.C", "A" * 16])
def test_stock_id_is_taken(stock_id: str) -> None:
    """A stock id of capital letters, digits, dots and hyphens is taken."""
    assert validation.stock_id_fault(stock_id) is None


@pytest.mark.parametrize("stock_id", ["", "aapl", ".A", "-A", "A" * 17, "A" * 40, "AA PL", "Ä", "A\n", "*", "٣", "A_B"])
def test_stock_id_is_refused(stock_id: str) -> None:
    """A stock id of any other form is refused."""
    fault = validation.stock_id_fault(stock_id)

    assert fault is not None
    assert fault.reason == "INVALID_STOCK_ID"


def test_lower_case_stock_id_gets_a_hint() -> None:
    """A stock id that would be right in capitals is told so."""
    fault = validation.stock_id_fault("brk.b")

    assert fault is not None
    assert 'did you mean "BRK.B"?' in fault.description


@pytest.mark.parametrize("user_id", ["a", "ana", "ana@example.org", "0_x-Y.z", "a" * 64])
def test_user_id_is_taken(user_id: str) -> None:
    """A user id of letters, digits, dots, underscores, at signs and hyphens is taken."""
    assert validation.user_id_fault(user_id) is None


@pytest.mark.parametrize("user_id", ["", "@ana", "_a", "a" * 65, "a b", "a/b", "é", "a\n"])
def test_user_id_is_refused(user_id: str) -> None:
    """A user id of any other form is refused, the empty one too."""
    fault = validation.user_id_fault(user_id)

    assert fault is not None
    assert fault.reason == "INVALID_USER_ID"


@pytest.mark.parametrize("name", ["A", "Apple Inc.", "Ä" * 100, "株式会社", "a\u200bb"])
def test_name_is_taken(name: str) -> None:
    """A name of up to 100 characters of any script is taken."""
    assert validation.name_fault(name) is None


@pytest.mark.parametrize("name", ["", "a" * 101, "a\nb", "a\tb", "\x00", "\x7f", "\x9b"])
def test_name_is_refused(name: str) -> None:
    """A name that is empty, too long or has a control character is refused."""
    fault = validation.name_fault(name)

    assert fault is not None
    assert fault.reason == "INVALID_NAME"


@pytest.mark.parametrize("currency", ["usd", "US", "USDX", "AAA", "", "U$D"])
def test_currency_is_refused(currency: str) -> None:
    """What is no active ISO 4217 code is refused."""
    fault = validation.currency_fault(currency)

    assert fault is not None
    assert fault.reason == "INVALID_CURRENCY"


def test_currency_is_taken() -> None:
    """An active ISO 4217 code is taken."""
    assert validation.currency_fault("EUR") is None


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_time_zone_is_taken(zone: str) -> None:
    """A name of the IANA database is taken."""
    assert validation.time_zone_fault(zone) is None


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "europe/berlin", "../etc/passwd", "localtime", "+02:00"])
def test_time_zone_is_refused(zone: str) -> None:
    """Any other name is refused."""
    fault = validation.time_zone_fault(zone)

    assert fault is not None
    assert fault.reason == "INVALID_TIME_ZONE"


@pytest.mark.parametrize(
    "frequency",
    [Duration(nanos=100_000_000), Duration(seconds=5), Duration(seconds=86_400), Duration(seconds=1, nanos=1)],
)
def test_frequency_is_taken(frequency: Duration) -> None:
    """A frequency of 100 ms to 24 h is taken, both ends included."""
    assert validation.frequency_fault(frequency) is None


@pytest.mark.parametrize(
    ("frequency", "told"),
    [
        (Duration(), "not 0s"),
        (Duration(nanos=1), "not 0.000000001s"),
        (Duration(nanos=99_999_999), "not 0.099999999s"),
        (Duration(seconds=86_400, nanos=1), "not 86400.000000001s"),
        (Duration(seconds=400 * 86_400), "not 34560000s"),
        (Duration(seconds=-5), "not -5s"),
        (Duration(seconds=-1, nanos=-500_000_000), "not -1.5s"),
        (Duration(seconds=5, nanos=-1), "not seconds 5 with nanos -1"),
        (Duration(seconds=5, nanos=1_000_000_000), "not seconds 5 with nanos 1000000000"),
        (Duration(seconds=2**62), f"not seconds {2**62} with nanos 0"),
    ],
)
def test_frequency_is_refused(frequency: Duration, told: str) -> None:
    """A frequency out of range, or no valid duration at all, is refused and shown."""
    fault = validation.frequency_fault(frequency)

    assert fault is not None
    assert fault.reason == "INVALID_FREQUENCY"
    assert fault.description.endswith(told)


@pytest.mark.parametrize(("seconds", "refused"), [(0, True), (1, False), (60, False), (61, True), (-1, True)])
def test_heartbeat_interval_has_limits(seconds: int, *, refused: bool) -> None:
    """A heartbeat interval lies between 1 s and 60 s."""
    fault = validation.heartbeat_fault(Duration(seconds=seconds))

    assert (fault is not None) is refused
    assert fault is None or fault.reason == "INVALID_HEARTBEAT_INTERVAL"


@pytest.mark.parametrize("price", ["abc", "-1", "1e400", "NaN", "0", "0.00", "", "1.", ".5", "1" * 13, "1.1234567890"])
def test_price_is_refused(price: str) -> None:
    """What is no positive decimal of 12 and 9 digits is refused."""
    fault = validation.price_fault(price)

    assert fault is not None
    assert fault.reason == "INVALID_PRICE"


@pytest.mark.parametrize("price", ["167.42", "0.000000001", "999999999999.999999999", "007"])
def test_price_is_taken(price: str) -> None:
    """A positive decimal is taken as it is spelled."""
    assert validation.price_fault(price) is None


@pytest.mark.parametrize(("size", "refused"), [("", False), ("0", False), ("1.5", False), ("-1", True), ("x", True)])
def test_size_may_be_unknown(size: str, *, refused: bool) -> None:
    """A size has the form of a price, or is zero or empty."""
    fault = validation.size_fault(size)

    assert (fault is not None) is refused
    assert fault is None or fault.reason == "INVALID_SIZE"


@pytest.mark.parametrize(
    ("publisher_id", "sequence", "refused"),
    [
        ("", 0, False),
        ("feed-1", 1, False),
        ("feed-1", 2**63 - 1, False),
        ("feed-1", 0, True),
        ("", 7, True),
        ("a@b", 1, True),
        ("x" * 65, 1, True),
        ("feed-1", 2**63, True),
    ],
)
def test_publisher_has_id_and_sequence(publisher_id: str, sequence: int, *, refused: bool) -> None:
    """A publisher's id and sequence come together, and the sequence fits a signed 64-bit number."""
    fault = validation.publisher_fault(publisher_id, sequence)

    assert (fault is not None) is refused
    assert fault is None or fault.reason == "INVALID_PUBLISHER"


@pytest.mark.parametrize(("count", "refused"), [(0, True), (1, False), (1000, False), (1001, True)])
def test_batch_has_limits(count: int, *, refused: bool) -> None:
    """A batch has 1 to 1000 items."""
    assert (validation.length_fault(count, "ticks") is not None) is refused


@given(INT64, INT32)
def test_durations_are_exact(seconds: int, nanos: int) -> None:
    """A duration is its exact count of nanoseconds, or none if protobuf does not allow it."""
    length = validation.duration_nanoseconds(Duration(seconds=seconds, nanos=nanos))

    valid = abs(seconds) <= 315_576_000_000 and abs(nanos) < 10**9 and (seconds >= 0 >= -nanos or seconds <= 0 >= nanos)
    assert (length is not None) == valid
    assert length is None or length == seconds * 10**9 + nanos


@given(INT64, INT32)
def test_durations_of_any_kind_can_be_shown(seconds: int, nanos: int) -> None:
    """Whatever a duration is, an error can show it in a short text."""
    assert len(validation.duration_text(Duration(seconds=seconds, nanos=nanos))) < 60


@given(st.integers(-62_135_596_800, 253_402_300_799), st.integers(0, 999_999_999))
def test_timestamps_are_exact(seconds: int, nanos: int) -> None:
    """A timestamp is its exact count of nanoseconds, before 1970 too."""
    assert validation.timestamp_nanoseconds(Timestamp(seconds=seconds, nanos=nanos)) == seconds * 10**9 + nanos


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 10**9), (2**62, 0)]
)
def test_timestamp_out_of_range_is_none(seconds: int, nanos: int) -> None:
    """A timestamp outside the years 1 to 9999, or with impossible nanos, is no instant."""
    assert validation.timestamp_nanoseconds(Timestamp(seconds=seconds, nanos=nanos)) is None


def test_first_indexes_keeps_order_and_first_place() -> None:
    """Ids stand once each, in order, with the place where they stood first."""
    assert list(validation.first_indexes(["b", "a", "b", "c"]).items()) == [("b", 0), ("a", 1), ("c", 3)]


def test_violations_raise_all_that_was_found() -> None:
    """All faults of a request come as one error, in order, with the paths of their fields."""
    found = Violations()
    found.note(Fault("INVALID_PRICE", "no price"), "ticks", 3, "price")
    found.note(None, "ticks", 4, "price")
    found.note(Fault("INVALID_SIZE", "no size"), "size")

    with pytest.raises(InvalidArgument) as raised:
        found.check()

    assert [(each.field, each.reason) for each in raised.value.violations] == [
        ("ticks[3].price", "INVALID_PRICE"),
        ("size", "INVALID_SIZE"),
    ]
    assert str(raised.value) == "INVALID_PRICE: ticks[3].price: no price (and 1 more)"


def test_violations_without_faults_raise_nothing() -> None:
    """A request without faults passes."""
    found = Violations()

    assert not found.note(None, "stock_id")
    found.check()


@given(st.text())
def test_rules_answer_for_any_text(text: str) -> None:
    """Every rule of a text answers for any text, and shows at most a short piece of it."""
    rules = (
        validation.stock_id_fault,
        validation.user_id_fault,
        validation.name_fault,
        validation.currency_fault,
        validation.time_zone_fault,
        validation.price_fault,
        validation.size_fault,
    )

    faults = [rule(text * 100) for rule in rules]

    assert all(fault is None or len(fault.description) < 1_600 for fault in faults)
    assert all(fault is None or fault.description.isascii() for fault in faults)
