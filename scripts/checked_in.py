"""Files that are made of others and checked in: a script writes them, a test holds them fresh."""

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write(files: Mapping[Path, str]) -> int:
    """Write each text to its path below the repository's root, and name it; the exit code."""
    for path, text in files.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def stale(files: Mapping[Path, str]) -> list[str]:
    """The paths at which another text is checked in."""
    return [
        str(path)
        for path, text in files.items()
        if (ROOT / path).read_text(encoding="utf-8") != text
    ]
