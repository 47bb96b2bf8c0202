from __future__ import annotations

import pytest

from tests.support.broker import Broker
from ticker_server.app.cluster import Cluster, connection_of
from ticker_server.errors import PriceLogUnavailable
from ticker_server.settings import Deployment

DATABASE = "postgresql://127.0.0.1:1/ticker"


def deployment(brokers: str, prefix: str = "ticker") -> Deployment:
    """Return the settings of a deployment with three partitions."""
    return Deployment.load(
        kafka_bootstrap_servers=brokers, database_url=DATABASE, kafka_topic_prefix=prefix, kafka_partitions=3
    )


def test_connection_has_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the settings say of the brokers is what the clients are given."""
    for name, value in (
        ("SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("SASL_MECHANISM", "SCRAM-SHA-256"),
        ("SASL_USERNAME", "ana"),
        ("SASL_PASSWORD", "s3cret"),
    ):
        monkeypatch.setenv(f"TICKER_KAFKA_{name}", value)

    connection = connection_of(deployment("a:1,b:2"))

    assert connection.client_options() == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "ana",
        "sasl_plain_password": "s3cret",
    }
    assert "s3cret" not in repr(connection)


async def test_identity_makes_the_topics(broker: Broker, topic_prefix: str) -> None:
    """Asking which log this is makes the topics that are missing, and the answer stays the same."""
    cluster = Cluster(deployment(broker.bootstrap_servers, topic_prefix))

    first, second = await cluster.identity(), await cluster.identity()

    assert first == second
    assert first.partitions == 3
    assert (cluster.prices.name, cluster.changes.name) == (f"{topic_prefix}.prices", f"{topic_prefix}.subscriptions")


async def test_brokers_that_are_away() -> None:
    """Brokers that do not answer are an outage, which may pass."""
    with pytest.raises(PriceLogUnavailable):
        await Cluster(deployment("127.0.0.1:1")).identity()
