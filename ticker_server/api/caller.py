"""Who calls, as a servicer sees it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who made a call, and until when an answer is of use.

    `principal` is empty where no credentials are asked for. `peer` is the network address as the transport writes it,
    `request_id` names the call in the log, and `deadline` is in nanoseconds since the epoch (None = no deadline).
    """

    principal: str = ""
    peer: str = ""
    request_id: str = ""
    deadline: int | None = None
