"""The context of a secure port, in handshakes with clients."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ticker_server.api.transport.endpoint import Tls
from ticker_server.api.transport.frames.tls import server_context


@pytest.fixture
def tls(pems: Path) -> Tls:
    """A certificate for localhost, and its key."""
    return Tls((pems / "cert.pem").read_bytes(), (pems / "key.pem").read_bytes())


def client_context(pems: Path, *protocols: str, certificate: str | None = None) -> ssl.SSLContext:
    """Return a client's context, which trusts the server and asks for protocols."""
    context = ssl.create_default_context(cafile=str(pems / "cert.pem"))
    context.set_alpn_protocols(list(protocols))
    if certificate is not None:
        context.load_cert_chain(pems / certificate, pems / certificate.replace("-cert", "").replace("cert", "key"))
    return context


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Let two contexts agree, and exchange a byte, in memory; return the server's side. Raises SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
    )
    waiting = list(sides)
    while waiting:
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    # With TLS 1.3 the server's refusal of a client comes with the first data.
    sides[1].write(b"x")
    assert sides[0].read(1) == b"x"
    return sides[0]


def test_h2_is_agreed_on(tls: Tls, pems: Path) -> None:
    """A client that offers h2 gets it, whatever else it offers."""
    for offered in (["h2"], ["http/1.1", "h2"], ["h2", "http/1.1"]):
        assert shake_hands(server_context(tls), client_context(pems, *offered)).selected_alpn_protocol() == "h2"


def test_nothing_else_is_agreed_on(tls: Tls, pems: Path) -> None:
    """With a client that does not offer h2 nothing is agreed on, and the connection sees to the rest."""
    for offered in ([], ["http/1.1"]):
        context = (
            client_context(pems, *offered) if offered else ssl.create_default_context(cafile=str(pems / "cert.pem"))
        )

        assert shake_hands(server_context(tls), context).selected_alpn_protocol() is None


def test_old_tls_is_not_spoken(tls: Tls, pems: Path) -> None:
    """TLS 1.2 is the oldest that HTTP/2 allows, and with it only ciphers that HTTP/2 does not forbid are spoken."""
    context, client = server_context(tls), client_context(pems, "h2")
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    cipher = shake_hands(context, client).cipher()

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert cipher is not None
    assert cipher[0].startswith("ECDHE-")
    assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]


def test_forbidden_ciphers_are_not_spoken(tls: Tls, pems: Path) -> None:
    """A client of TLS 1.2 that has only ciphers of the RFC's black list is refused (RFC 9113, appendix A)."""
    client = client_context(pems, "h2")
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ECDHE-ECDSA-AES128-SHA256:AES128-GCM-SHA256")

    with pytest.raises(ssl.SSLError):
        shake_hands(server_context(tls), client)


def test_client_ca_demands_a_certificate(tls: Tls, pems: Path) -> None:
    """With a client CA only clients that show a certificate of it get in; without one, no certificate is asked for."""
    demanding = Tls(tls.certificate, tls.key, client_ca=tls.certificate)

    assert shake_hands(server_context(demanding), client_context(pems, "h2", certificate="cert.pem")).getpeercert()
    for certificate in (None, "other-cert.pem"):
        with pytest.raises(ssl.SSLError):
            shake_hands(server_context(demanding), client_context(pems, "h2", certificate=certificate))
    assert not shake_hands(server_context(tls), client_context(pems, "h2", certificate="cert.pem")).getpeercert()


def test_bad_pems_are_refused(tls: Tls, pems: Path) -> None:
    """A key of another certificate, a key with a password, or junk is an error at once, and nobody is asked."""
    for name in ("other.pem", "locked.pem", "junk.pem"):
        with pytest.raises(ssl.SSLError):
            server_context(Tls(tls.certificate, (pems / name).read_bytes()))


def test_chain_is_shown(tls: Tls, pems: Path) -> None:
    """All certificates of the file are the chain that clients are shown."""
    chain = Tls(tls.certificate + (pems / "other-cert.pem").read_bytes(), tls.key)

    assert shake_hands(server_context(chain), client_context(pems, "h2"))


def test_nothing_is_left_on_the_disk(tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key, which passes through a file, is not left there, also when it is refused."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server_context(tls)
    with pytest.raises(ssl.SSLError):
        server_context(Tls(tls.certificate, b"junk"))

    assert not list(tmp_path.iterdir())
