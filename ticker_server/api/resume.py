"""The rules of `resume`: the positions from which a reader wants to go on."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ticker.v1 import watch_service_pb2

from ticker_server.api.validation import Fault, Violations
from ticker_server.errors import shown
from ticker_server.model.stock import STOCK_ID, USER_ID

__all__ = ["note_resume_faults"]

_REASON = "INVALID_RESUME"


def note_resume_faults(
    found: Violations,
    resume: watch_service_pb2.Resume,
    user_ids: AbstractSet[str],
    stock_ids: AbstractSet[str],
    *,
    all_stocks: bool,
) -> None:
    """Note what is wrong with a resume of a watch of these users or stocks."""
    if not resume.log_epoch:
        rule = "log_epoch must be set; it is in the `opened` of the stream that is resumed"
        found.note(Fault(_REASON, rule), "resume", "log_epoch")
    sole_user = next(iter(user_ids), "") if len(user_ids) == 1 else ""
    seen: set[tuple[str, str]] = set()
    for index, position in enumerate(resume.positions):
        if found.full:
            return
        description = _ill_formed(position) or _not_watched(position, user_ids, stock_ids, all_stocks=all_stocks)
        key = (position.user_id or sole_user, position.stock_id)
        if not description and key in seen:
            description = f"stock {shown(position.stock_id)} has two positions"
        seen.add(key)
        if description:
            found.note(Fault(_REASON, description), "resume", "positions", index)


def _ill_formed(position: watch_service_pb2.Position) -> str:
    if not STOCK_ID.fullmatch(position.stock_id):
        return f"{shown(position.stock_id)} is not a stock id"
    if position.user_id and not USER_ID.fullmatch(position.user_id):
        return f"{shown(position.user_id)} is not a user id"
    if position.tick_number and not position.sequence:
        return f"the position of stock {shown(position.stock_id)} has a tick_number and no sequence"
    return ""


def _not_watched(
    position: watch_service_pb2.Position,
    user_ids: AbstractSet[str],
    stock_ids: AbstractSet[str],
    *,
    all_stocks: bool,
) -> str:
    """Say why a position belongs to nothing that is watched, as far as the request alone tells."""
    if user_ids and not position.user_id and len(user_ids) > 1:
        return f"the position of stock {shown(position.stock_id)} must name its user; this watch has several"
    if position.user_id and position.user_id not in user_ids:
        return f"user {shown(position.user_id)} is not watched"
    if not user_ids and not all_stocks and position.stock_id not in stock_ids:
        return f"stock {shown(position.stock_id)} is not watched"
    return ""
