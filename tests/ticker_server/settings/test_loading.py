from __future__ import annotations

from pathlib import Path

import pytest

from ticker_server.settings import Deployment, SettingsError

URL = "postgresql://ana:s3cret@db/ticker"


def refusal() -> str:
    """Return the message with which the environment is refused."""
    with pytest.raises(SettingsError) as caught:
        Deployment.load(kafka_bootstrap_servers="kafka:9092")
    assert "s3cret" not in str(caught.value)
    return str(caught.value)


def test_secret_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret may stand in a file that a variable names; white space around it does not count."""
    path = tmp_path / "url"
    path.write_text(f"{URL}\n")
    monkeypatch.setenv("TICKER_DATABASE_URL_FILE", str(path))

    assert Deployment.load(kafka_bootstrap_servers="kafka:9092").database == URL


def test_flag_wins_over_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the flag given the file is not even read."""
    monkeypatch.setenv("TICKER_DATABASE_URL_FILE", str(tmp_path / "none"))

    assert Deployment.load(kafka_bootstrap_servers="kafka:9092", database_url=URL).database == URL


def test_secret_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret that stands in a variable and in a file is refused: nobody knows which one counts."""
    monkeypatch.setenv("TICKER_DATABASE_URL", URL)
    monkeypatch.setenv("TICKER_DATABASE_URL_FILE", str(tmp_path))

    assert refusal() == "TICKER_DATABASE_URL and TICKER_DATABASE_URL_FILE are both set; unset one of them"


def test_unreadable_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is not there, or no text, is named."""
    path = tmp_path / "secret"
    monkeypatch.setenv("TICKER_DATABASE_URL_FILE", str(path))
    assert refusal() == f"TICKER_DATABASE_URL_FILE: {path} cannot be read: No such file or directory"

    path.write_bytes(b"\xff\xfe")
    assert refusal() == f"TICKER_DATABASE_URL_FILE: {path} cannot be read: it is not text"


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed of settings does not have the secrets."""
    monkeypatch.setenv("TICKER_KAFKA_SASL_PASSWORD", "s3cret")

    settings = Deployment.load(kafka_bootstrap_servers="kafka:9092", database_url=URL)

    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()}"
