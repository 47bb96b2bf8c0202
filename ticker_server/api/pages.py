"""Pages of a list: how long a page is, and the token that says where the next one begins.

A token is opaque to its reader: base64url of a version, the kind of list, and the last id of the page before, or what
else says where the next one begins. A token that this server would not have written, or that belongs to another list, is
refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ticker_server.api.validation import Fault, Violations
from ticker_server.errors import shown
from ticker_server.model.stock import STOCK_ID

__all__ = ["DEFAULT_PAGE_SIZE", "MAX_PAGE_SIZE", "Page", "PageRequest", "page_token", "parse_page", "token_fault"]

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000

_VERSION = "1"
_MAX_TOKEN_LENGTH = 512

Item = TypeVar("Item")


class PageRequest(Protocol):
    """A request of a list."""

    @property
    def page_size(self) -> int:
        """How many items the caller wants, 0 for the default."""

    @property
    def page_token(self) -> str:
        """The `next_page_token` of the page before, empty for the first page."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list in the order of stock ids: up to `limit` items whose id is above `after`."""

    kind: str
    after: str
    limit: int

    def cut(self, items: Sequence[Item], stock_id: Callable[[Item], str]) -> tuple[Sequence[Item], str]:
        """Return the items of this page and the token of the next one, empty on the last page.

        `items` are those above `after`, one more than `limit` where there are more.
        """
        if len(items) <= self.limit:
            return items, ""
        page = items[: self.limit]
        return page, page_token(self.kind, stock_id(page[-1]))


def page_token(kind: str, last_id: str) -> str:
    """Return the token of the page that begins after an id."""
    return base64.urlsafe_b64encode(f"{_VERSION}:{kind}:{last_id}".encode()).decode().rstrip("=")


def token_fault(token: str) -> Fault:
    """Return what is wrong with a token that this server would not have written for this request."""
    rule = "a page_token is the next_page_token of an earlier answer to the same request"
    return Fault("INVALID_PAGE_TOKEN", f"{rule}, not {shown(token)}")


def parse_page(found: Violations, request: PageRequest, kind: str, last_id: re.Pattern[str] = STOCK_ID) -> Page:
    """Return the page that a request asks for.

    `kind` names the list and whatever else a token must not outlive, and `last_id` is the form of what a token ends with.
    """
    after = _last_id(request.page_token, kind, last_id) if request.page_token else ""
    if request.page_size < 0:
        found.note(
            Fault("INVALID_PAGE_SIZE", f"page_size is 0 for {DEFAULT_PAGE_SIZE} or above, not {request.page_size}"),
            "page_size",
        )
    if after is None:
        found.note(token_fault(request.page_token), "page_token")
    return Page(kind, after or "", min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE))


def _last_id(token: str, kind: str, form: re.Pattern[str]) -> str | None:
    """Return the id in a token of this kind of list, or None if the token is not one of ours."""
    if len(token) > _MAX_TOKEN_LENGTH:
        return None
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    last_id = text.rpartition(":")[2]
    # Base64 has several spellings of the same bytes; only the one that was handed out counts.
    return last_id if form.fullmatch(last_id) and token == page_token(kind, last_id) else None
