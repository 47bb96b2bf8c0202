"""What compose.yaml, the Dockerfile and .env.example say fits the programs, as far as that can be read off them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.processes import run
from ticker_server.settings import Settings, SyncSettings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "compose.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
KNOWN = {f"TICKER_{name.upper()}" for settings in (Settings, SyncSettings) for name in settings.model_fields}


@pytest.mark.parametrize("text", [COMPOSE, DOCKERFILE], ids=["compose.yaml", "Dockerfile"])
def test_settings_are_known(text: str) -> None:
    """Every setting that a container gets is one that the server reads."""
    named = set(re.findall(r"TICKER_[A-Z_]+", text))

    assert named
    assert named <= KNOWN


async def test_commands_are_known() -> None:
    """Every command that a container runs exists, with the flags it is given."""
    commands = re.findall(r"^ +command: \[([a-z][^\]]*)\]", COMPOSE, re.MULTILINE)
    assert sorted(command.partition(",")[0] for command in commands) == ["migrate", "serve", "sync"]

    for command in commands:
        name, *flags = [word.strip() for word in command.split(",")]
        code, text, _ = await run("ticker-server", name, "--help")
        assert code == 0
        assert all(flag in text for flag in flags)


def test_no_secret_stands_in_the_files() -> None:
    """Passwords come from the environment, and starting without one is refused with a hint."""
    example = (ROOT / ".env.example").read_text()

    assert re.findall(r"POSTGRES_PASSWORD(.)", COMPOSE.replace("POSTGRES_PASSWORD: $", "")) == [":", ":"]
    assert re.search(r"^POSTGRES_PASSWORD=$", example, re.MULTILINE)
    assert set(re.findall(r"\$\{([A-Z_0-9]+)", COMPOSE)) == set(re.findall(r"^#?([A-Z_0-9]+)=", example, re.MULTILINE))


def test_containers_hold_what_they_run() -> None:
    """The programs that containers start beside the server are copied into the image."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for program in re.findall(r"/opt/(\w+\.py)", COMPOSE + DOCKERFILE):
        assert (ROOT / "scripts" / program).is_file()
        assert re.search(rf"^COPY .*scripts/{program}", DOCKERFILE, re.MULTILINE)
        assert f"!scripts/{program}" in ignored
