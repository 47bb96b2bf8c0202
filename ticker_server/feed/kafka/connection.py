"""How a Kafka cluster is reached: the one place that knows what its client libraries call their options."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["KafkaConnection"]


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where a cluster is and how to prove who we are; the words are Kafka's own.

    `bootstrap_servers` is `HOST:PORT,...`; `security_protocol` PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL;
    `sasl_mechanism` PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; `ca_file` the authority of the brokers, PEM (the system's
    authorities without it).
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = ""
    ca_file: Path | None = None

    def __repr__(self) -> str:
        # The password is in no log, however deep this object stands in what is logged.
        return f"KafkaConnection({self.bootstrap_servers!r}, {self.security_protocol})"

    def client_options(self) -> dict[str, Any]:
        """Return the options of an aiokafka client. Raises OSError if the file of the authority cannot be read."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=self.ca_file)
        if self.security_protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        return options

    def admin_options(self) -> dict[str, str]:
        """Return the options of a librdkafka client."""
        options = {"bootstrap.servers": self.bootstrap_servers, "security.protocol": self.security_protocol}
        if self.security_protocol.endswith("SSL") and self.ca_file is not None:
            options["ssl.ca.location"] = str(self.ca_file)
        if self.security_protocol.startswith("SASL"):
            options |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password,
            }
        return options
