"""Where the reading of stored partitions goes on, given what the log still has of them."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from ticker_server.errors import PriceLogUnavailable

__all__ = ["entries"]

_log = structlog.get_logger(__name__)


def entries(
    topic: str, stored: Mapping[int, int], beginnings: Mapping[int, int], ends: Mapping[int, int]
) -> dict[int, int]:
    """Return the offset to read next of each partition: the stored one, or the oldest that is left above it.

    Records that are gone unread are told in the log; the numbers go on without them, for everyone who starts from what
    is stored.

    Raises:
        PriceLogUnavailable: The log ends before a stored position. Waiting may help: a broker that has just taken over
            may not know yet how far its records are safe.
    """
    for partition, position in stored.items():
        place = f"{topic}-{partition}"
        if position > ends[partition]:
            raise PriceLogUnavailable(f"{place} ends at offset {ends[partition]}, before {position}, which is stored")
        if position < beginnings[partition]:
            gone = beginnings[partition] - position
            if position:
                _log.error("log records are gone unread", partition=place, first=position, gone=gone)
            else:
                _log.warning("log begins late, numbering starts there", partition=place, oldest=beginnings[partition])
    return {partition: max(position, beginnings[partition]) for partition, position in stored.items()}
