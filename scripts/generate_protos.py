#!/usr/bin/env python3
"""Writes src/python/scheduler/transport/proto/ from src/protos/. Needs grpcio-tools.

    python scripts/generate_protos.py [--out FOLDER]

The result is checked in, so that nobody needs protoc to run or to test the scheduler; a test in
tests/architecture holds it equal to what this script writes.
"""

import argparse
import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO_FOLDER = ROOT / "src" / "protos" / "scheduler" / "v1"
PYTHON_ROOT = ROOT / "src" / "python"
IMPORT_FOLDER = "scheduler/transport/proto"


def generate(out: Path) -> list[Path]:
    """Generates below ``out`` (a source root); returns the files written."""
    out.mkdir(parents=True, exist_ok=True)
    names = [f"{IMPORT_FOLDER}/{path.name}" for path in sorted(PROTO_FOLDER.glob("*.proto"))]
    # The mapping of folders gives the modules the import path that they have in our package.
    mapping = f"-I{IMPORT_FOLDER}={PROTO_FOLDER}"
    arguments = ["protoc", mapping, f"--python_out={out}", f"--pyi_out={out}", *names]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed; its message stands above.")
    return sorted((out / IMPORT_FOLDER).glob("*_pb2.py*"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate the Python code of src/protos.")
    parser.add_argument("--out", type=Path, default=PYTHON_ROOT, help="source root to write to")
    for path in generate(parser.parse_args().out):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
