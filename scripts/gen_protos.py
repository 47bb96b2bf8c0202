#!/usr/bin/env python3
"""Generate the Python code of protos/ beside its sources, or check that it is fresh.

Proto path = import path, so the generated code is right as protoc writes it.

    python scripts/gen_protos.py           write the generated files
    python scripts/gen_protos.py --check   exit 1 if a committed file differs or is left over
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

PROTOS = Path(__file__).resolve().parent.parent / "protos"


def generate(into: Path) -> None:
    """Run protoc for all sources; services get their stubs in a call of their own, so that no empty *_grpc file is made."""
    sources = sorted(str(path) for path in PROTOS.rglob("*.proto"))
    services = [source for source in sources if source.endswith("_service.proto")]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}"]
    messages = [f"--python_out={into}", f"--mypy_out=quiet:{into}", *sources]
    stubs = [f"--grpc_python_out={into}", f"--mypy_grpc_out=quiet,only_async:{into}", *services]
    for arguments in (messages, stubs):
        subprocess.run([*protoc, *arguments], check=True)


def generated(root: Path) -> set[Path]:
    """Return the generated files below a folder, as paths relative to it."""
    return {path.relative_to(root) for path in root.rglob("*_pb2*.py*") if path.suffix in {".py", ".pyi"}}


def stale() -> list[str]:
    """Name each committed file that is missing, differs from a fresh one, or is no longer generated."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        expected, found = generated(fresh), generated(PROTOS)
        differing = {path for path in expected & found if not filecmp.cmp(fresh / path, PROTOS / path, shallow=False)}
        return sorted(str(path) for path in differing | (expected ^ found))


def main() -> int:
    """Write the generated code, or with --check compare it and name what is stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only; write nothing")
    if not parser.parse_args().check:
        generate(PROTOS)
        return 0
    if names := stale():
        print("generated code is stale, run scripts/gen_protos.py:", *names, sep="\n  ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
