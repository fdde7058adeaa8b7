"""Plugins stand beside the core and beside each other; every hook has its docs and its test."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.plugin_api.loading import KNOWN_HOOKS
from scheduler.testing.imports import SHIPPED

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "python"
PLUGINS = SOURCE / "plugins"
GUIDES = ("plugins.md", "plugins.ja.md")

OPEN_TO_PLUGINS = {"plugin_api", "queries", "requests"}

# What a line in the module of a plugin would have to say to break the contract of that plugin.
VIOLATIONS = {
    "scheduler_ops": "import scheduler.store.runs",
    "scheduler_log_archive": "from scheduler import models",
    "scheduler_monitoring": "import scheduler_notify",
    "scheduler_k8s_health": "from scheduler.domain.values import RunState",
    "scheduler_notify": "def later():\n    import scheduler.testing.link",
}
LAWFUL = """
import scheduler.plugin_api.host
from scheduler.queries import runs
from scheduler.requests.runs import request_run
"""


def packages_in(folder: Path) -> list[str]:
    """The packages of a source root."""
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


def closed_to_plugins() -> list[str]:
    """The parts of the core that no plugin may import."""
    core = SOURCE / "scheduler"
    parts = {path.parent.name for path in core.glob("*/__init__.py")}
    parts |= {path.stem for path in core.glob("*.py") if path.stem != "__init__"}
    return sorted(f"scheduler.{part}" for part in parts - OPEN_TO_PLUGINS)


def contracts(plugins: list[str]) -> str:
    """import-linter's configuration: one contract for each plugin, named after it."""
    lines = ["[importlinter]", "root_packages ="]
    lines += [f"    {name}" for name in ("scheduler", "scheduler_site", *plugins)]
    lines += ["include_external_packages = True"]
    for plugin in plugins:
        others = [name for name in plugins if name != plugin]
        forbidden = [*closed_to_plugins(), "scheduler_site", *others]
        lines += [f"[importlinter:contract:{plugin}]", f"name = {plugin} keeps to its seam"]
        lines += ["type = forbidden", "allow_indirect_imports = True", "source_modules ="]
        lines += [f"    {plugin}", "forbidden_modules =", *(f"    {name}" for name in forbidden)]
    return "\n".join(lines)


def verdict(plugins_root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of the plugins in a source root."""
    config = folder / "importlinter.ini"
    config.write_text(contracts(packages_in(plugins_root)))
    script = (
        "import sys; from importlinter.cli import lint_imports; "
        f"sys.exit(lint_imports(config_filename={str(config)!r}, no_cache=True))"
    )
    path = os.pathsep.join([str(plugins_root), str(SOURCE), *sys.path[1:]])
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def make_plugins(root: Path, lines: dict[str, str]) -> Path:
    for name, line in lines.items():
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").touch()
        (root / name / "plugin.py").write_text(f"{line}\n")
    return root


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The verdict on plugins of the shipped names, each of which breaks its contract."""
    folder = tmp_path_factory.mktemp("broken")
    return verdict(make_plugins(folder / "plugins", VIOLATIONS), folder).stdout


def test_the_plugins_here_keep_to_their_seam(tmp_path: Path) -> None:
    plugins = packages_in(PLUGINS)
    assert plugins, "this test needs the sources of the plugins: see BUILD"
    result = verdict(PLUGINS, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert set(plugins) <= set(SHIPPED), "name it in pyproject.toml's contract 'plugins', and here"


def test_lawful_plugins_pass(tmp_path: Path) -> None:
    root = make_plugins(tmp_path / "plugins", dict.fromkeys(SHIPPED, LAWFUL))
    result = verdict(root, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count(" KEPT") == len(SHIPPED)


@pytest.mark.parametrize("plugin", VIOLATIONS)
def test_a_plugin_that_leaves_its_seam_is_reported(plugin: str, broken: str) -> None:
    lines = [line for line in broken.splitlines() if line.startswith(plugin)]
    assert any(" BROKEN" in line for line in lines), broken


# -------------------------------------------------------------------------------------- hooks


def names_of_tests(folder: Path) -> set[str]:
    """The names of all test functions in a folder that assert anything."""
    return {
        node.name
        for path in folder.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(part, ast.Assert) for part in ast.walk(node))
    }


def sections_of(page: str) -> dict[str, str]:
    """The text under each heading of the third level."""
    parts = re.split(r"^### (.+)$", page, flags=re.MULTILINE)
    return {
        heading.strip(): re.split(r"^## ", text, flags=re.MULTILINE)[0]
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_every_hook_has_a_test_of_its_name() -> None:
    lacking = {f"test_hook_{hook}" for hook in KNOWN_HOOKS} - names_of_tests(ROOT / "tests")
    assert not lacking


@pytest.mark.parametrize("page", GUIDES)
@pytest.mark.parametrize("hook", KNOWN_HOOKS)
def test_every_hook_has_a_section_in_the_guide(page: str, hook: str) -> None:
    sections = sections_of((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert hook in sections, f"docs/{page} has no section '### {hook}'"
    assert f"`{hook}(" in sections[hook], f"docs/{page} does not show how {hook} is written"


def test_the_guide_describes_no_hook_that_is_not_there() -> None:
    for page in GUIDES:
        sections = sections_of((ROOT / "docs" / page).read_text(encoding="utf-8"))
        hooks = {heading for heading in sections if heading.startswith("scheduler_")}
        assert hooks <= set(KNOWN_HOOKS)


def test_a_hook_without_section_or_test_is_seen(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "def test_hook_scheduler_x():\n    assert ask()\n\ndef test_hook_scheduler_y():\n    pass\n"
    )
    assert names_of_tests(tmp_path) == {"test_hook_scheduler_x"}
    page = "# G\n### scheduler_x\n`scheduler_x()`: text\n## Next\n`scheduler_y()`\n"
    assert sections_of(page) == {"scheduler_x": "\n`scheduler_x()`: text\n"}
