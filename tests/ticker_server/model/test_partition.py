from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.model.partition import home_partition, murmur2


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_murmur2_is_that_of_kafka(key: str, signed: int) -> None:
    """The hash equals that of Kafka's Java client, whose own test vectors these are."""
    assert murmur2(key.encode()) == signed % 2**32


@pytest.mark.parametrize(("stock_id", "partition"), [("21", 1173551340 % 30), ("abc", 479470107 % 30)])
def test_home_partition_drops_the_sign_as_java_does(stock_id: str, partition: int) -> None:
    """The sign bit is masked off, as Java's `toPositive` does, before the remainder is taken."""
    assert home_partition(stock_id, 30) == partition


@given(st.text("ABCXYZ0189.-", min_size=1, max_size=16), st.integers(1, 64))
def test_home_partition_exists(stock_id: str, partitions: int) -> None:
    """The home partition is one of the topic's; with one partition it is that one."""
    assert home_partition(stock_id, partitions) in range(partitions)
    assert home_partition(stock_id, 1) == 0
