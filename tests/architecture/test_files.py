"""Rules about files: their length, the reasons of requirements, generated code."""

import re
from pathlib import Path

from scripts import generate_protos

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "3rdparty" / "python" / "requirements.txt"
GENERATED = ("_pb2.py", "_pb2.pyi")
LINES_AT_MOST = 400

_REQUIREMENT = re.compile(r"^(?P<what>[A-Za-z][\w.\[\],<>=~!-]*)(?P<why>  # \S.*)?$")


def too_long(folder: Path) -> list[str]:
    """``path: lines`` of each Python file that a reader cannot hold in the head."""
    counted = {
        path.relative_to(folder): len(path.read_text().splitlines())
        for part in ("src", "tests", "scripts", "pants-plugins")
        for path in (folder / part).rglob("*.py")
        if not path.name.endswith(GENERATED) and path.parent.name != "migrations"
    }
    return [f"{path}: {lines}" for path, lines in sorted(counted.items()) if lines > LINES_AT_MOST]


def without_reason(text: str) -> list[str]:
    """The requirement lines that do not say why they are there, and those nobody can read."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line for line in lines if not ((m := _REQUIREMENT.match(line)) and m["why"])]


def test_files_stay_short() -> None:
    assert too_long(ROOT) == []


def test_a_long_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "fits.py").write_text("x = 1\n" * LINES_AT_MOST)
    (tmp_path / "src" / "long.py").write_text("x = 1\n" * (LINES_AT_MOST + 1))
    assert too_long(tmp_path) == ["src/long.py: 401"]


def test_every_requirement_says_why() -> None:
    assert without_reason(REQUIREMENTS.read_text()) == []


def test_a_requirement_without_a_reason_is_seen() -> None:
    text = "# a heading\nDjango>=6  # the framework\npsycopg[binary]>=3\nredis>=7 #\n"
    assert without_reason(text) == ["psycopg[binary]>=3", "redis>=7 #"]


def test_generated_code_matches_the_protos(tmp_path: Path) -> None:
    written = generate_protos.generate(tmp_path)
    assert written, "src/protos holds no .proto file"
    for path in written:
        kept = generate_protos.PYTHON_ROOT / path.relative_to(tmp_path)
        assert kept.read_bytes() == path.read_bytes(), (
            f"{path.name} is not what src/protos says; run: python scripts/generate_protos.py"
        )
