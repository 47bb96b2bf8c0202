"""What the client libraries are told of a cluster."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ticker_server.feed.kafka.connection import KafkaConnection


def test_plain() -> None:
    """A plain connection needs the addresses and nothing else."""
    connection = KafkaConnection("a:1,b:2")

    assert connection.client_options() == {"bootstrap_servers": ["a:1", "b:2"], "security_protocol": "PLAINTEXT"}
    assert connection.admin_options() == {"bootstrap.servers": "a:1,b:2", "security.protocol": "PLAINTEXT"}


def test_password_and_encryption() -> None:
    """User, password and encryption reach both libraries, in the words of each."""
    connection = KafkaConnection("a:1", "SASL_SSL", "SCRAM-SHA-512", "user", "secret")

    options = connection.client_options()
    context = options.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert options == {
        "bootstrap_servers": ["a:1"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "user",
        "sasl_plain_password": "secret",
    }
    assert connection.admin_options() == {
        "bootstrap.servers": "a:1",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "user",
        "sasl.password": "secret",
    }


def test_authority(tmp_path: Path) -> None:
    """A file of authorities is given to both; one that cannot be read is told."""
    connection = KafkaConnection("a:1", "SSL", ca_file=tmp_path / "ca.pem")

    assert connection.admin_options()["ssl.ca.location"] == str(tmp_path / "ca.pem")
    with pytest.raises(OSError, match=r"ca\.pem|No such file"):
        connection.client_options()


def test_password_is_in_no_text() -> None:
    """However deep a connection stands in what is logged, its password does not."""
    assert "secret" not in repr([KafkaConnection("a:1", "SASL_SSL", "PLAIN", "user", "secret")])
