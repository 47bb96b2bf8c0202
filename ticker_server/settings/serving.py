"""The settings of a gateway: environment variables `TICKER_*`, over which command line flags win."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticker_server.errors import CannotStart, shown
from ticker_server.logs import LogFormat, LogLevel

__all__ = ["Settings", "SettingsError"]

_NOT_SERVED = {
    "TICKER_AUTH": ("", "none"),
    "TICKER_DATABASE_URL": ("",),
    "TICKER_KAFKA_BOOTSTRAP_SERVERS": ("",),
    "TICKER_METRICS_PORT": ("", "0"),
    "TICKER_TRANSPORT": ("", "grpcio"),
    "TICKER_WORKERS": ("", "1"),
}
"""Settings of the command line's contract that this version does not serve yet, and the values that ask for nothing."""


class SettingsError(CannotStart):
    """A flag or an environment variable that cannot be used; the message names it and says what it should be."""

    reason = "INVALID_SETTING"
    exit_code = 2


class Settings(BaseSettings):
    """What `ticker-server serve` needs to know. Each field is read from `TICKER_` + its name.

    The description of a field is its rule: it completes "PORT should be ...".
    """

    model_config = SettingsConfigDict(env_prefix="TICKER_", frozen=True, extra="forbid", env_ignore_empty=True)

    host: str = "127.0.0.1"
    """The address to listen on; an IPv6 address without brackets."""
    port: int = Field(50051, ge=0, le=65535, description="a number from 0 to 65535")
    """The port to listen on; 0 = any free one."""
    data_dir: Path = Path("ticker-data")
    """Where the embedded profile keeps its file."""
    tls_cert: Path | None = None
    """The certificate chain, PEM."""
    tls_key: Path | None = None
    """The private key of the certificate, PEM."""
    tls_client_ca: Path | None = None
    """Clients must show a certificate of this authority, PEM."""
    allow_insecure: bool = Field(default=False, description="true or false")
    """Serve without TLS on an address that is not loopback."""
    reflection: bool = Field(default=True, description="true or false")
    """Answer gRPC reflection, for grpcurl."""
    drain_seconds: float = Field(10.0, ge=0, le=3600, description="a number of seconds from 0 to 3600")
    """How long streams may take to end at a stop, at most."""
    log_format: LogFormat = Field(LogFormat.CONSOLE, description="console or json")
    log_level: LogLevel = Field(LogLevel.INFO, description="debug, info, warning or error")
    max_subscriptions_per_user: int = Field(100, ge=1, description="a whole number from 1 on")
    max_stocks_per_watch: int = Field(1000, ge=1, description="a whole number from 1 on")
    max_pending_ticks: int = Field(10_000, ge=1, description="a whole number from 1 on")
    """How many ticks an every-tick watch may have pending."""

    @classmethod
    def load(cls, **flags: Any) -> Settings:
        """Read the environment, let the flags that are not None win, and judge the whole.

        Raises:
            SettingsError: A value that cannot be used, or a setting that this version does not serve.
        """
        given = {name: value for name, value in flags.items() if value is not None}
        for variable, nothing in _NOT_SERVED.items():
            if os.environ.get(variable, "") not in nothing:
                raise SettingsError(f"{variable} asks for what this version does not serve yet; unset it")
        try:
            settings = cls(**given)
        except ValidationError as error:
            raise SettingsError(_first_fault(error, given)) from None
        settings._judge_tls(given)
        settings._judge_exposure(given)
        return settings

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    def _judge_tls(self, given: Collection[str]) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            there, missing = ("tls_cert", "tls_key") if self.tls_cert is not None else ("tls_key", "tls_cert")
            raise SettingsError(f"{_source(there, given)} needs {_flag(missing)} as well")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingsError(f"{_source('tls_client_ca', given)} needs --tls-cert and --tls-key as well")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name in ("tls_cert", "tls_key", "tls_client_ca"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise SettingsError(f"{_source(name, given)}: {path} is not a file")
        try:
            if self.tls_cert is not None:
                # An encrypted key cannot be used, and without a password the library would ask the terminal for it.
                context.load_cert_chain(self.tls_cert, self.tls_key, password="")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{_source('tls_cert', given)} and {_source('tls_key', given)}: {self.tls_cert} and {self.tls_key} "
                "are not a readable certificate and its unencrypted key, in PEM"
            ) from error
        try:
            if self.tls_client_ca is not None:
                context.load_verify_locations(self.tls_client_ca)
        except OSError as error:
            raise SettingsError(
                f"{_source('tls_client_ca', given)}: {self.tls_client_ca} is not a readable certificate, in PEM"
            ) from error

    def _judge_exposure(self, given: Collection[str]) -> None:
        if self.tls_cert is None and not self.allow_insecure and not _is_loopback(self.host):
            raise SettingsError(
                f"{_source('host', given)}: {shown(self.host)} without TLS would serve prices and users unprotected "
                "beyond this machine; give --tls-cert and --tls-key, or say --allow-insecure"
            )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _source(name: str, given: Collection[str]) -> str:
    """Return what the user wrote to set a field: the flag, else the environment variable."""
    return _flag(name) if name in given else f"TICKER_{name.upper()}"


def _first_fault(error: ValidationError, given: Collection[str]) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    field = Settings.model_fields.get(name)
    if field is None:
        return f"{_source(name, given)} is no setting"
    return f"{_source(name, given)} should be {field.description}, not {shown(str(first['input']))}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
