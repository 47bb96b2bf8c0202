"""The interoperability cases of gRPC, by the client of grpc-go."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from tests.support.interop.server import InteropServer

CLIENT = shutil.which("grpc-interop-client") or "grpc-interop-client"
SECONDS = 30.0
CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",  # passes without a server too; test_deadlines.py tests what it is about
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
)
pytestmark = pytest.mark.conformance


@pytest.mark.parametrize("case", CASES)
async def test_case_passes(interop_server: InteropServer, case: str) -> None:
    """A case of grpc-go's interoperability client passes."""
    secure = (
        ["--use_tls", "--use_test_ca", f"--ca_file={interop_server.certificate}"] if interop_server.certificate else []
    )
    process = await asyncio.create_subprocess_exec(
        CLIENT,
        *("--server_host=localhost", f"--server_port={interop_server.port}", f"--test_case={case}", *secure),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 0, errors.decode()
