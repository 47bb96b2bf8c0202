"""TLS as HTTP/2 asks for it: ALPN h2, TLS 1.2 or newer (RFC 9113, section 9.2)."""

from __future__ import annotations

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from ticker_server.api.transport.endpoint import Tls

__all__ = ["server_context"]

# Those of TLS 1.2 that HTTP/2 does not forbid (RFC 9113, appendix A): forward secrecy and AEAD.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(tls: Tls) -> ssl.SSLContext:
    """Return the context of a secure port. Clients must show a certificate if there is a client CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2"])
    # The library takes certificate and key from files alone.
    with TemporaryDirectory(prefix="ticker-tls-") as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(tls.key + b"\n" + tls.certificate)
        context.load_cert_chain(pair, password="")
    if tls.client_ca is not None:
        context.load_verify_locations(cadata=tls.client_ca.decode("ascii"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context
