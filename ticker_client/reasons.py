"""The words of a watch: why an update, why a gap, how the feed is, why it ends, and what happens to a slow reader."""

from __future__ import annotations

import enum

__all__ = ["FeedState", "GapReason", "GoAwayReason", "LagPolicy", "UpdateKind"]


class UpdateKind(enum.StrEnum):
    """Why an update is told."""

    UNSPECIFIED = "UNSPECIFIED"
    """A kind that this version of the client does not know."""
    SNAPSHOT = "SNAPSHOT"
    """The state when the watch began to follow the stock; accounting starts anew with it."""
    REPLAY = "REPLAY"
    """A tick of the past."""
    LIVE = "LIVE"
    """News."""


class GapReason(enum.StrEnum):
    """Why ticks are missing."""

    UNSPECIFIED = "UNSPECIFIED"
    """A reason that this version of the client does not know."""
    LOG_TRUNCATED = "LOG_TRUNCATED"
    """The price log does not hold them any longer."""
    LOG_REPLACED = "LOG_REPLACED"
    """The price log is another one; how many are missing cannot be told."""
    READER_LAGGED = "READER_LAGGED"
    """More ticks waited in the server for this reader than it keeps."""
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    """They came while the window of the subscription was closed."""
    COUNT_LOST = "COUNT_LOST"
    """The server lost the count; nothing can be told about what is missing until it numbers again."""
    BUFFER_FULL = "BUFFER_FULL"
    """Told by the client: more events waited in its own buffer than it keeps. Take them faster."""
    UNEXPLAINED = "UNEXPLAINED"
    """Told by the client: the numbers jump and nobody said why."""


class FeedState(enum.StrEnum):
    """How far behind the price log the server is."""

    UNSPECIFIED = "UNSPECIFIED"
    """A state that this version of the client does not know."""
    LIVE = "LIVE"
    STALE = "STALE"
    """More than 2 s behind the end of the log."""
    DOWN = "DOWN"
    """The log has not answered for 3 s."""


class GoAwayReason(enum.StrEnum):
    """Why the server ends a watch."""

    UNSPECIFIED = "UNSPECIFIED"
    """A reason that this version of the client does not know."""
    DRAINING = "DRAINING"
    """The server is about to stop."""
    STREAM_AGE = "STREAM_AGE"
    """The watch is old; a new one may land on another server."""
    CREDENTIALS_EXPIRING = "CREDENTIALS_EXPIRING"
    REPLAY_COMPLETE = "REPLAY_COMPLETE"


class LagPolicy(enum.StrEnum):
    """What happens to an every-tick watch whose reader is too slow, in the server and in the client's buffer alike."""

    CONFLATE = "CONFLATE"
    """It gets the newest price of each stock, and a gap for what it missed."""
    DISCONNECT = "DISCONNECT"
    """The watch ends with ReaderTooSlow."""
