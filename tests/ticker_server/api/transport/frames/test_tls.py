"""The context of a secure port."""

from __future__ import annotations

import ssl
from pathlib import Path

from ticker_server.api.transport.endpoint import Tls
from ticker_server.api.transport.frames.tls import server_context


def test_old_tls_is_not_spoken(pems: Path) -> None:
    """TLS 1.2 is the oldest that HTTP/2 allows."""
    context = server_context(Tls((pems / "cert.pem").read_bytes(), (pems / "key.pem").read_bytes()))

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE
