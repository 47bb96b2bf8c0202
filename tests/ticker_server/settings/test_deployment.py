from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ticker_server.settings import Deployment, SettingsError

URL = "postgresql://ana@db/ticker"
PAIR = {"kafka_bootstrap_servers": "kafka:9092", "database_url": URL}


def refusal(**flags: Any) -> str:
    """Return the message with which settings are refused."""
    with pytest.raises(SettingsError) as caught:
        Deployment.load(**flags)
    return str(caught.value)


def test_embedded_by_default() -> None:
    """Without brokers and database everything is in one file."""
    assert not Deployment.load().is_production


def test_production() -> None:
    """With brokers and database the profile is that of production, with 32 partitions and the prefix `ticker`."""
    settings = Deployment.load(**PAIR)

    assert settings.is_production
    assert settings.database == URL
    assert (settings.kafka_topic_prefix, settings.kafka_partitions) == ("ticker", 32)
    assert settings.kafka_security_protocol == "PLAINTEXT"


def test_half_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brokers without a database, or the other way round, are refused by the name of what was given."""
    assert refusal(kafka_bootstrap_servers="kafka:9092").startswith("--kafka needs --database-url as well")
    assert refusal(database_url=URL).startswith("--database-url needs --kafka as well")

    monkeypatch.setenv("TICKER_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")
    assert refusal().startswith("TICKER_KAFKA_BOOTSTRAP_SERVERS needs --database-url as well")


@pytest.mark.parametrize("url", ["sqlite:///ticker.db", "mysql://db/ticker", "db/ticker"])
def test_other_databases(url: str) -> None:
    """With Kafka the catalog is in PostgreSQL and nowhere else; what was given is not shown."""
    assert refusal(**PAIR | {"database_url": url}) == (
        "--database-url should be postgresql://USER:PASSWORD@HOST:PORT/DATABASE; with --kafka no other"
    )


@pytest.mark.parametrize("brokers", ["kafka", "kafka:", ":9092", "kafka:0", "kafka:65536", "a:1,,b:2", "a:1, b:x"])
def test_bad_brokers(brokers: str) -> None:
    """Brokers are hosts with ports."""
    assert refusal(**PAIR | {"kafka_bootstrap_servers": brokers}).startswith("--kafka should be HOST:PORT,...")


@pytest.mark.parametrize("brokers", ["kafka:9092", "a:1,b:65535", "[::1]:9092"])
def test_good_brokers(brokers: str) -> None:
    """One broker or several."""
    assert Deployment.load(**PAIR | {"kafka_bootstrap_servers": brokers}).is_production


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("kafka_topic_prefix", "a b", "1 to 200 letters, digits, '.', '_' and '-'"),
        ("kafka_partitions", "0", "a number from 1 to 1024"),
        ("kafka_security_protocol", "TLS", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
        ("kafka_sasl_mechanism", "GSSAPI", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    ],
)
def test_bad_values(monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str) -> None:
    """A value that cannot be used is told with its variable and its rule."""
    monkeypatch.setenv(f"TICKER_{name.upper()}", value)

    assert refusal(**PAIR) == f'TICKER_{name.upper()} should be {rule}, not "{value}"'


def test_sasl_needs_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """SASL needs a mechanism, a name and a password, and a mechanism needs SASL."""
    monkeypatch.setenv("TICKER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    for name, value in (("MECHANISM", "PLAIN"), ("USERNAME", "ana"), ("PASSWORD", "s3cret")):
        assert refusal(**PAIR) == (f"TICKER_KAFKA_SECURITY_PROTOCOL SASL_SSL needs TICKER_KAFKA_SASL_{name} as well")
        monkeypatch.setenv(f"TICKER_KAFKA_SASL_{name}", value)
    Deployment.load(**PAIR)

    monkeypatch.setenv("TICKER_KAFKA_SECURITY_PROTOCOL", "SSL")
    assert refusal(**PAIR).startswith("TICKER_KAFKA_SASL_MECHANISM needs TICKER_KAFKA_SECURITY_PROTOCOL SASL")


def test_missing_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file of the authority must be there."""
    monkeypatch.setenv("TICKER_KAFKA_CA_FILE", str(tmp_path / "none"))

    assert refusal(**PAIR) == f"TICKER_KAFKA_CA_FILE: {tmp_path / 'none'} is not a file"
