"""`ticker users`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]


def test_a_user_is_created_and_shown(run_ticker: Run) -> None:
    """`users create` and `users get` show the user, for people and for programs."""
    assert run_ticker("users", "create", "ana").out.splitlines() == [
        "USER  CREATED",
        "ana   2026-11-24T09:30:00Z",
    ]
    assert run_ticker("users", "get", "ana", "--json").entries == [
        {"user_id": "ana", "create_time": "2026-11-24T09:30:00Z"}
    ]


def test_a_deleted_user_says_what_it_ended(run_ticker: Run) -> None:
    """`users delete` tells how many subscriptions went with the user."""
    run_ticker("users", "create", "ana")
    assert run_ticker("users", "delete", "ana").out == "deleted ana; ended 1 subscription\n"

    run_ticker("users", "create", "ana")
    assert run_ticker("users", "delete", "ana", "--json").entries == [{"user_id": "ana", "ended_subscriptions": 1}]


def test_an_unknown_user_is_an_answer_of_the_server(run_ticker: Run) -> None:
    """A user that does not exist ends with exit code 1."""
    finished = run_ticker("users", "get", "bob")

    assert finished.code == 1
    assert finished.err.startswith("error: USER_NOT_FOUND: ")
