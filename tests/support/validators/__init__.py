"""Whether what a system has told is right: pure functions of what was recorded, each of which returns what is wrong.

One for each guarantee, see docs/guarantees.md. They look at histories of readers (all streams of one reader together),
the answers that publishers got, the price log as an independent reader folds it, and the rows of the database.
"""

from __future__ import annotations

from tests.support.history import History
from tests.support.oracle import Truth
from tests.support.validators.accounting import gaps, inexact_gaps, needless, unaccounted, unfounded
from tests.support.validators.delivery import Published, lost, unconverged, untrue
from tests.support.validators.isolation import slowed
from tests.support.validators.order import out_of_order, repeated
from tests.support.validators.publishing import CERTAIN, Answer, undurable, unsent
from tests.support.validators.reading import overclaimed
from tests.support.validators.resuming import unresumed
from tests.support.validators.store import Row, unstored, went_back

__all__ = [
    "CERTAIN",
    "Answer",
    "Published",
    "Row",
    "faults",
    "gaps",
    "inexact_gaps",
    "lost",
    "needless",
    "out_of_order",
    "overclaimed",
    "repeated",
    "slowed",
    "unaccounted",
    "unconverged",
    "undurable",
    "unfounded",
    "unresumed",
    "unsent",
    "unstored",
    "untrue",
    "went_back",
]


def faults(history: History, published: Published, truth: Truth) -> list[str]:
    """Everything that is wrong with the history of a fast reader, begun before the first publish and settled."""
    stock_ids = {stock_id for stock_id, _ in published}
    return [
        *gaps(history),
        *out_of_order(history),
        *repeated(history),
        *unaccounted(history),
        *unresumed(history),
        *overclaimed(history, truth),
        *untrue(history, truth),
        *lost(history, published, truth),
        *unconverged(history, truth, stock_ids),
    ]
