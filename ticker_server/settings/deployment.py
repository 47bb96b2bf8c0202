"""Where the data is: one file of our own (embedded profile), or Kafka and PostgreSQL (production profile)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from ticker_server.settings.loading import LoadedSettings, SettingsError, source

__all__ = ["Deployment"]


class Deployment(LoadedSettings):
    """What every command that touches data needs to know."""

    SECRETS: ClassVar[tuple[str, ...]] = ("database_url", "kafka_sasl_password")

    data_dir: Path = Path("ticker-data")
    """Where the embedded profile keeps its file."""
    database_url: SecretStr | None = Field(None, description="postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    """The database of the production profile. It may have a password in it, so it is a secret as a whole."""
    kafka_bootstrap_servers: str = Field("", description="HOST:PORT,...")
    """The brokers of the production profile; empty in the embedded one."""
    kafka_topic_prefix: str = Field(
        "ticker", pattern=r"^[A-Za-z0-9._-]{1,200}$", description="1 to 200 letters, digits, '.', '_' and '-'"
    )
    """The topics are `PREFIX.prices` and `PREFIX.subscriptions`."""
    kafka_partitions: int = Field(32, ge=1, le=1024, description="a number from 1 to 1024")
    """Into how many partitions the stocks are divided; fixed for the life of a topic."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr = Field(SecretStr(""), description="a text")
    kafka_ca_file: Path | None = None
    """The authority that signed the brokers' certificates, PEM; without it the system's authorities count."""

    @property
    def is_production(self) -> bool:
        """Whether the data is in Kafka and PostgreSQL."""
        return bool(self.kafka_bootstrap_servers)

    @property
    def database(self) -> str:
        """The URL of the production database, password and all; not to be shown."""
        assert self.database_url is not None
        return self.database_url.get_secret_value()

    def judge(self, given: Collection[str]) -> None:
        """Refuse half a pair, brokers that are no addresses, and credentials that cannot be used."""
        self._judge_profile(given)
        self._judge_brokers(given)
        self._judge_credentials(given)

    def _judge_profile(self, given: Collection[str]) -> None:
        if self.is_production and self.database_url is None:
            raise SettingsError(
                f"{source('kafka_bootstrap_servers', given)} needs --database-url as well: prices are in Kafka and "
                "the catalog in PostgreSQL, or both in one file"
            )
        if self.database_url is None:
            return
        name = source("database_url", given)
        if not self.is_production:
            raise SettingsError(
                f"{name} needs --kafka as well: prices are in Kafka and the catalog in PostgreSQL, or both in one file"
            )
        if not self.database.startswith(("postgresql://", "postgresql+psycopg://")):
            raise SettingsError(
                f"{name} should be postgresql://USER:PASSWORD@HOST:PORT/DATABASE; with --kafka no other"
            )

    def _judge_brokers(self, given: Collection[str]) -> None:
        for broker in self.kafka_bootstrap_servers.split(",") if self.is_production else ():
            host, _, port = broker.rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65536:
                raise SettingsError(
                    f'{source("kafka_bootstrap_servers", given)} should be HOST:PORT,..., not "{broker}" among them'
                )

    def _judge_credentials(self, given: Collection[str]) -> None:
        protocol = source("kafka_security_protocol", given)
        if self.kafka_security_protocol.startswith("SASL"):
            for name in ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password"):
                value = getattr(self, name)
                if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                    raise SettingsError(
                        f"{protocol} {self.kafka_security_protocol} needs {source(name, given)} as well"
                    )
        elif self.kafka_sasl_mechanism:
            raise SettingsError(
                f"{source('kafka_sasl_mechanism', given)} needs {protocol} SASL_PLAINTEXT or SASL_SSL as well"
            )
        if self.kafka_ca_file is not None and not self.kafka_ca_file.is_file():
            raise SettingsError(f"{source('kafka_ca_file', given)}: {self.kafka_ca_file} is not a file")
