"""The home partition of a stock: murmur2 of its id modulo the number of partitions, as Kafka's default partitioner.

Source: org.apache.kafka.common.utils.Utils.murmur2 and `toPositive(murmur2(key)) % numPartitions`.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["home_partition", "murmur2"]

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 hash of a key, unsigned."""
    length = len(data)
    value = (_SEED ^ length) & _MASK
    whole = length - length % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _MULTIPLIER & _MASK
        word = (word ^ (word >> 24)) * _MULTIPLIER & _MASK
        value = (value * _MULTIPLIER & _MASK) ^ word
    if tail := data[whole:]:
        value = (value ^ int.from_bytes(tail, "little")) * _MULTIPLIER & _MASK
    value = (value ^ (value >> 13)) * _MULTIPLIER & _MASK
    return value ^ (value >> 15)


@lru_cache(maxsize=1 << 17)
def home_partition(stock_id: str, partitions: int) -> int:
    """Return the partition that a stock's ticks belong to, 0 to `partitions` - 1."""
    return (murmur2(stock_id.encode()) & 0x7FFFFFFF) % partitions
