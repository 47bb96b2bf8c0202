"""The words of a watch are text."""

from __future__ import annotations

import json

import pytest

from ticker_client.reasons import FeedState, GapReason, GoAwayReason, LagPolicy, UpdateKind


@pytest.mark.parametrize("words", [FeedState, GapReason, GoAwayReason, LagPolicy, UpdateKind])
def test_a_word_is_its_own_name(words: type) -> None:
    """A word is written as it is named, in a log and in JSON."""
    for name, word in words.__members__.items():
        assert f"{word}" == name
        assert json.dumps(word) == f'"{name}"'
