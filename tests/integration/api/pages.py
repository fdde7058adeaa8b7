"""Pages whose commands are run as they stand there, in an empty folder, against a real site."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
DOCUMENTED_URL = "http://127.0.0.1:8000"


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def answers(output: str, begin: str = "{") -> list[dict[str, Any]]:
    """The JSON objects in an output, in order; each begins with ``begin``."""
    decoder, found, at = json.JSONDecoder(), [], output.find(begin)
    while at >= 0:
        value, end = decoder.raw_decode(output, at)
        found.append(value)
        at = output.find(begin, end)
    return found


def run_commands(
    text: str, site: str, database_url: str, folder: Path, *, beside: tuple[str, ...]
) -> str:
    """What the page's shell commands print, run as one script that ends with 0. ``beside`` are
    files and folders of the checkout that stand in the folder where they are run."""
    script = f'set -euo pipefail\npython() {{ "{sys.executable}" "$@"; }}\n'
    script += "\n".join(SHELL.findall(text)).replace(DOCUMENTED_URL, site)
    assert site in script
    for name in beside:
        (folder / name).symlink_to(ROOT / name)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
