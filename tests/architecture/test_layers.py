"""The layers hold, and each contract that says so can break."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "python"

# What a line in a module would have to say to break each contract of pyproject.toml.
VIOLATIONS = {
    "The layers of the core, top to bottom": ("runtime", "import scheduler.store"),
    "Only the store": ("transport", "import scheduler.models"),
    "The domain and the ports are pure": ("domain", "import django.db"),
    "Redis is spoken only in coordination": ("runtime", "import redis"),
    "gRPC is spoken only in transport": ("execution", "import grpc"),
    "The package of public holidays": ("requests", "import holidays"),
    "Processes are started only in execution": ("store", "import subprocess"),
    "Nothing that is shipped imports scheduler.testing": ("store", "import scheduler.testing"),
    "The core imports no plugin": ("plugin_api", "import scheduler_ops"),
}

_STARTS_A_PROCESS = ("fork", "forkpty", "posix_spawn", "spawn", "exec", "system", "popen")


def lint_imports(source: Path) -> subprocess.CompletedProcess[str]:
    """Checks the contracts on the tree below ``source``."""
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports; "
        f"sys.exit(lint_imports(config_filename={str(ROOT / 'pyproject.toml')!r}, no_cache=True))",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(source), *sys.path[1:]])}
    return subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, check=False
    )


def process_starts(path: Path) -> list[str]:
    """The places in a module that start a process through ``os``, without ``subprocess``."""
    return [
        f"{path.name}:{line} os.{name}"
        for node in ast.walk(ast.parse(path.read_text()))
        for line, name in _names_of_os(node)
        if name.startswith(_STARTS_A_PROCESS)
    ]


def _names_of_os(node: ast.AST) -> list[tuple[int, str]]:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr=name, lineno=line):
            return [(line, name)]
        case ast.ImportFrom(module="os", names=names, lineno=line):
            return [(line, alias.name) for alias in names]
    return []


@pytest.fixture(scope="module")
def broken_tree(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy of the sources in which every contract is violated."""
    source = tmp_path_factory.mktemp("broken") / "python"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__", "plugins"))
    for package, line in VIOLATIONS.values():
        (source / "scheduler" / package / f"zz_{line.split()[-1].replace('.', '_')}.py").write_text(
            f"{line}\n"
        )
    return lint_imports(source).stdout


def test_the_layers_hold() -> None:
    result = lint_imports(SOURCE)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_contract_reports_its_violation(contract: str, broken_tree: str) -> None:
    verdicts = [line for line in broken_tree.splitlines() if line.startswith(contract)]
    assert any(" BROKEN" in line for line in verdicts), broken_tree


def test_only_execution_starts_processes_through_os() -> None:
    found = [
        start
        for path in sorted((SOURCE / "scheduler").rglob("*.py"))
        if "execution" not in path.relative_to(SOURCE).parts
        for start in process_starts(path)
    ]
    assert found == []


def test_a_start_through_os_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "sly.py"
    path.write_text("import os\nfrom os import fork\nos.execv('/bin/true', ['true'])\n")
    assert sorted(process_starts(path)) == ["sly.py:2 os.fork", "sly.py:3 os.execv"]
