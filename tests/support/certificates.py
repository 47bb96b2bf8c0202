"""Certificates, for the tests of what speaks TLS."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate, its key, the key with a password, and another key."""
    folder = tmp_path_factory.mktemp("pems")
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate of these tests, and is not here")
    make = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    for arguments in (
        [*make, "-nodes", "-keyout", "key.pem", "-out", "cert.pem"],
        [*make, "-nodes", "-keyout", "other.pem", "-out", "other-cert.pem"],
        [openssl, "ec", "-in", "key.pem", "-aes256", "-passout", "pass:secret", "-out", "locked.pem"],
    ):
        subprocess.run(arguments, cwd=folder, check=True, capture_output=True)
    (folder / "junk.pem").write_text("junk")
    return folder
