"""h2spec, which holds a server to RFC 9113 and RFC 7541 case by case."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.interop.server import InteropServer

H2SPEC = shutil.which("h2spec") or "h2spec"
SECONDS = 50.0
pytestmark = pytest.mark.conformance


@pytest.mark.parametrize(("mode", "cases"), [([], 145), (["--strict"], 146)], ids=["usual", "strict"])
async def test_every_case_passes(interop_server: InteropServer, mode: list[str], cases: int, tmp_path: Path) -> None:
    """Each case of h2spec passes, and none is skipped."""
    report = tmp_path / "report.xml"
    secure = ["--tls", "--insecure"] if interop_server.certificate else []
    output = await run("--port", str(interop_server.port), "--junit-report", str(report), *secure, *mode)

    failed = failures(report)
    assert not failed, "\n".join(failed)
    assert output.splitlines()[-1:] == [f"{cases} tests, {cases} passed, 0 skipped, 0 failed"]


async def run(*arguments: str) -> str:
    """Run h2spec to its end and return its output."""
    process = await asyncio.create_subprocess_exec(H2SPEC, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode()


def failures(report: Path) -> list[str]:
    """Return the cases that failed or were skipped, each with its section and what came instead."""
    return [
        f"{case.get('package')}: {case.get('classname')}: {outcome.tag}\n{outcome.text or ''}"
        for case in ET.parse(report).iter("testcase")
        for outcome in case
    ]
