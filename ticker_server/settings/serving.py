"""The settings of a gateway."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Collection
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from ticker_server.errors import shown
from ticker_server.settings.deployment import Deployment
from ticker_server.settings.durations import parse_seconds
from ticker_server.settings.loading import SettingsError, flag, source

__all__ = ["Settings", "Transport"]


class Transport(StrEnum):
    """What speaks gRPC with the clients."""

    GRPCIO = "grpcio"
    """The server of grpc.aio."""
    FRAMES = "frames"
    """A server of our own, which writes ready HTTP/2 frames."""


def _age(value: Any) -> float:
    """Judge the range here, so that a refusal shows what was written and not what it was read as."""
    seconds = parse_seconds(value) if isinstance(value, str) else float(value)
    if seconds and not 1 <= seconds <= 86_400:
        raise ValueError("out of range")
    return seconds


class Settings(Deployment):
    """What `ticker-server serve` needs to know."""

    host: str = "127.0.0.1"
    """The address to listen on; an IPv6 address without brackets."""
    port: int = Field(50051, ge=0, le=65535, description="a number from 0 to 65535")
    """The port to listen on; 0 = any free one."""
    transport: Transport = Field(Transport.GRPCIO, description="grpcio or frames")
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
    stream_age: Annotated[float, BeforeValidator(_age)] = Field(1800.0, description="a duration from 1s to 24h, or 0s")
    """How long a stream lasts, in seconds, give or take a fifth; its reader then comes back. 0 = for ever."""
    max_subscriptions_per_user: int = Field(100, ge=1, description="a whole number from 1 on")
    max_stocks_per_watch: int = Field(1000, ge=1, description="a whole number from 1 on")
    max_pending_ticks: int = Field(10_000, ge=1, description="a whole number from 1 on")
    """How many ticks an every-tick watch may have pending."""

    def judge(self, given: Collection[str]) -> None:
        """Refuse half a pair, files that cannot be used, and serving the world unprotected."""
        super().judge(given)
        self._judge_tls(given)
        self._judge_transport(given)
        self._judge_exposure(given)

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    def _judge_tls(self, given: Collection[str]) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            there, missing = ("tls_cert", "tls_key") if self.tls_cert is not None else ("tls_key", "tls_cert")
            raise SettingsError(f"{source(there, given)} needs {flag(missing)} as well")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise SettingsError(f"{source('tls_client_ca', given)} needs --tls-cert and --tls-key as well")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name in ("tls_cert", "tls_key", "tls_client_ca"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise SettingsError(f"{source(name, given)}: {path} is not a file")
        try:
            if self.tls_cert is not None:
                # An encrypted key cannot be used, and without a password the library would ask the terminal for it.
                context.load_cert_chain(self.tls_cert, self.tls_key, password="")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{source('tls_cert', given)} and {source('tls_key', given)}: {self.tls_cert} and {self.tls_key} "
                "are not a readable certificate and its unencrypted key, in PEM"
            ) from error
        try:
            if self.tls_client_ca is not None:
                context.load_verify_locations(self.tls_client_ca)
        except OSError as error:
            raise SettingsError(
                f"{source('tls_client_ca', given)}: {self.tls_client_ca} is not a readable certificate, in PEM"
            ) from error

    def _judge_transport(self, given: Collection[str]) -> None:
        # The TLS of the standard loop would keep seven times the memory for each connection.
        if self.transport is Transport.FRAMES and self.tls_cert is not None and find_spec("uvloop") is None:
            raise SettingsError(
                f"{source('transport', given)}: frames with TLS needs uvloop, which is not installed; "
                "install it, or use --transport grpcio"
            )

    def _judge_exposure(self, given: Collection[str]) -> None:
        if self.tls_cert is None and not self.allow_insecure and not _is_loopback(self.host):
            raise SettingsError(
                f"{source('host', given)}: {shown(self.host)} without TLS would serve prices and users unprotected "
                "beyond this machine; give --tls-cert and --tls-key, or say --allow-insecure"
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
