"""What changed on an open watch and was not told yet: at most a going and a coming per stock, however long it takes."""

from __future__ import annotations

from collections.abc import Mapping

from ticker_server.fanout.following import Following
from ticker_server.fanout.message import Message
from ticker_server.fanout.pieces import ChangeKind, change_piece

__all__ = ["UntoldChanges"]


class UntoldChanges:
    """Changes of stocks, merged while nobody reads them.

    What came and went again untold is not told at all; what went and came back is told as both, the going first.
    """

    __slots__ = ("_coming", "_going")

    def __init__(self) -> None:
        self._going: dict[str, ChangeKind] = {}
        self._coming: dict[str, ChangeKind] = {}

    def __bool__(self) -> bool:
        return bool(self._going or self._coming)

    def note_joined(self, stock_id: str) -> None:
        """Note that a stock is followed from now on."""
        self._coming[stock_id] = ChangeKind.JOINED

    def note_changed(self, stock_id: str) -> None:
        """Note that a stock is followed in another way; if it has just joined it still joins."""
        self._coming.setdefault(stock_id, ChangeKind.CHANGED)

    def note_gone(self, stock_id: str, kind: ChangeKind) -> None:
        """Note that a stock is followed no longer: LEFT or STOCK_DELETED."""
        if self._coming.pop(stock_id, None) is not ChangeKind.JOINED:
            self._going[stock_id] = kind

    def tell(self, message: Message, followings: Mapping[str, Following], user_id: str) -> bool:
        """Tell what fits into a message; return whether that was all. `followings` has what comes as it is now."""
        if not self:
            return True
        for stock_id in list(self._going):
            if not message.offer(change_piece(self._going[stock_id], stock_id, user_id)):
                return False
            del self._going[stock_id]
        for stock_id in list(self._coming):
            if not message.offer(change_piece(self._coming[stock_id], stock_id, user_id, followings[stock_id])):
                return False
            del self._coming[stock_id]
        return True
