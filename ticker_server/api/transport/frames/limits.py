"""What a peer may do: every limit of the transport, with the value that serves."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Allowance", "Limits"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many at once, and so many a second in the long run."""

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a listener and of each of its connections. Seconds and bytes."""

    max_connections: int = 50_000
    """Counted from the accept, so before the TLS handshake."""
    max_streams: int = 10_000
    """Open at once on one connection; one more is refused."""
    accepts_per_turn: int = 64
    requests_per_turn: int = 64
    """HEADERS that one connection has answered in one turn of the loop; then others have theirs."""
    frames_per_turn: int = 1_000
    served_per_turn: int = 500
    """Streams of one connection that are woken in one turn of the loop."""

    preface_seconds: float = 10.0
    handshake_seconds: float = 10.0
    header_block_seconds: float = 10.0
    look_seconds: float = 0.5
    """A quarter of the connections is looked at so often, so each one a fourth as often."""
    keepalive_seconds: float = 15.0
    """A connection that was silent for so long when it is looked at is asked for a sign of life ..."""
    keepalive_timeout: float = 10.0
    """... and is cut if it gives none."""
    tcp_user_timeout: float = 30.0
    """So long may what was sent stay without TCP's acknowledgement."""
    linger_seconds: float = 60.0
    """So long a stream that was ended waits for a reader that gives no credit; then it is reset."""
    goaway_ack_seconds: float = 1.0
    close_seconds: float = 1.0
    """So long the peer has to read the last frames before its socket is closed."""

    max_message_bytes: int = 4 * 1024 * 1024
    max_request_bytes: int = 16 * 1024 * 1024
    """Of requests that one connection has begun and nobody has read yet."""
    max_unread_messages: int = 4
    """Above it, a stream gets no credit."""
    receive_window: int = 256 * 1024
    connection_window: int = 1024 * 1024
    max_header_list: int = 8 * 1024
    """As HTTP/2 counts it: 32 bytes for each header, its name and its value. A request with more is refused."""
    max_header_block: int = 32 * 1024
    """Of one header block as it is sent, and of its header list; above it the connection ends."""

    write_high: int = 64 * 1024
    write_low: int = 16 * 1024
    not_sent_low: int = 32 * 1024
    """So much may wait in the kernel beyond what is on its way (TCP_NOTSENT_LOWAT)."""

    ping_interval: float = 5.0
    """PINGs that come faster, with no DATA or HEADERS sent in between, are strikes."""
    max_ping_strikes: int = 2
    free_reset_age: float = 1.0
    """A stream older than this may be reset without being counted, and so may one that was answered."""
    resets: Allowance = field(default=Allowance(200, 100))
    settings: Allowance = field(default=Allowance(20, 2))
    priorities: Allowance = field(default=Allowance(500, 100))
    empty_data: Allowance = field(default=Allowance(100, 50))
    continuations: Allowance = field(default=Allowance(32, 8))
    unknown_frames: Allowance = field(default=Allowance(100, 10))
    stream_errors: Allowance = field(default=Allowance(100, 10))
    """Streams that the server has to reset for an error of the peer (CVE-2025-8671, "MadeYouReset")."""
    refusals: Allowance = field(default=Allowance(1_000, 100))
    """Streams above the limit."""
