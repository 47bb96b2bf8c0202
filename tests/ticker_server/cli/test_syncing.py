from __future__ import annotations

from tests.support.command_lines import Run


def test_embedded_needs_no_sync_server(ticker_server: Run) -> None:
    """Without Kafka and PostgreSQL there is nothing to sync: exit 2, and the line says who writes the values then."""
    code, output, errors = ticker_server("sync")

    assert (code, output) == (2, "")
    assert errors == (
        "error: INVALID_SETTING: sync needs --kafka and --database-url; "
        "without them the server itself writes the values\n"
    )


def test_bad_interval(ticker_server: Run) -> None:
    """An interval out of its range is exit 2."""
    code, _, errors = ticker_server("sync", "--interval", "0s")

    assert code == 2
    assert errors == 'error: INVALID_SETTING: --interval should be a duration from 1s to 60s, not "0s"\n'


def test_ticks_are_asked_for_by_a_flag(ticker_server: Run) -> None:
    """The flag that stores ticks needs no value."""
    code, _, errors = ticker_server("sync", "--raw-ticks")

    assert (code, errors.startswith("error: INVALID_SETTING: sync needs --kafka")) == (2, True)


def test_unusable_database(ticker_server: Run, postgres_url: str) -> None:
    """A database that does not exist is exit 4 and one line, without its password."""
    url = postgres_url.rsplit("/", 1)[0] + "/no_such_database"

    code, output, errors = ticker_server("sync", "--kafka", "127.0.0.1:1", "--database-url", url)

    assert (code, output) == (4, "")
    assert errors.startswith("error: DATABASE_UNUSABLE: ")
    assert "no_such_database" in errors
    assert url not in errors
