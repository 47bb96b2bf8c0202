"""A network of its own for a server, behind a link that can be cut without a word: network namespaces of Linux."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """The way from this machine to a namespace: through a bridge in another one, which carries on or does not."""

    address: str
    """Where a server inside listens."""
    inside: tuple[str, ...]
    """What a command begins with that is to run inside."""
    middle: str

    def cut(self) -> None:
        """Lose everything from now on: both ends have their network, and nothing arrives."""
        _ip("netns", "exec", self.middle, "ip", "link", "set", "bridge", "down")

    def heal(self) -> None:
        """Pass everything on again."""
        _ip("netns", "exec", self.middle, "ip", "link", "set", "bridge", "up")


def why_not() -> str:
    """Return why there are no network namespaces here; empty if there are."""
    if shutil.which("ip") is None:
        return "needs ip (the package iproute2)"
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    probe = f"probe{secrets.token_hex(2)}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode != 0:
        return "network namespaces cannot be made here"
    subprocess.run(["ip", "netns", "delete", probe], capture_output=True, check=False)
    return ""


@contextmanager
def linked_namespace() -> Iterator[Link]:
    """Make a namespace that is linked to this machine, until the end of the block."""
    high, low = secrets.token_bytes(2)
    tag = f"{high:02x}{low:02x}"
    middle, inner, near, far = f"mid{tag}", f"srv{tag}", f"near{tag}", f"far{tag}"
    net = f"10.{64 + high // 4}.{low}"
    try:
        for name in (middle, inner):
            _ip("netns", "add", name)
        _ip("link", "add", near, "type", "veth", "peer", "name", "near", "netns", middle)
        _ip("link", "add", far, "type", "veth", "peer", "name", "far", "netns", middle)
        _ip("link", "set", far, "netns", inner)
        for line in ("link add bridge type bridge", "link set near master bridge", "link set far master bridge"):
            _ip("netns", "exec", middle, "ip", *line.split())
        for device in ("near", "far", "bridge"):
            _ip("netns", "exec", middle, "ip", "link", "set", device, "up")
        _ip("addr", "add", f"{net}.1/24", "dev", near)
        _ip("link", "set", near, "up")
        for line in (f"addr add {net}.2/24 dev {far}", f"link set {far} up", "link set lo up"):
            _ip("netns", "exec", inner, "ip", *line.split())
        yield Link(f"{net}.2", ("ip", "netns", "exec", inner), middle)
    finally:
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", near)
        for name in (middle, inner):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
