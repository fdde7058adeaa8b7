"""What a plugin's modules import, read from their source and never run."""

import ast
from collections.abc import Iterator
from pathlib import Path

CORE = "scheduler"
ALLOWED = ("scheduler.plugin_api", "scheduler.queries", "scheduler.requests")
ALLOWED_IN_TESTS = (*ALLOWED, "scheduler.testing")
SHIPPED = (
    "scheduler_ops",
    "scheduler_log_archive",
    "scheduler_monitoring",
    "scheduler_k8s_health",
    "scheduler_notify",
)
TOO_EARLY = (
    "scheduler.queries",
    "scheduler.requests",
    "django.contrib",
    "django.db.models",
)


def forbidden(folder: Path, module: str) -> list[str]:
    """``file:line what`` of every import, in a package's folder or one module, of what a plugin may
    not import: other parts of the core, the site, another shipped plugin."""
    own = module.partition(".")[0]
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]
    return [
        f"{path.name}:{line} imports {name}"
        for path in paths
        for line, name in imported(ast.parse(path.read_text(encoding="utf-8")))
        if not _is_allowed(name, own, in_tests="tests" in path.parts)
    ]


def too_early(path: Path, module: str) -> list[str]:
    """``file:line what`` of what a plugin's own module imports at its import although Django is
    not set up then: models, and what stands on them."""
    models = f"{module.rpartition('.')[0] or module}.models"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        f"{path.name}:{line} imports {name}"
        for line, name in _at_import(tree)
        if any(_is_below(name, one) for one in (*TOO_EARLY, models))
    ]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, wherever it stands; relative ones are the package's own."""
    for node in ast.walk(tree):
        yield from _names(node)


def _at_import(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield from _names(node)
        yield from _at_import(node)


def _names(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Import(names=names, lineno=line):
            yield from ((line, alias.name) for alias in names)
        case ast.ImportFrom(module=str(module), level=0, names=names, lineno=line):
            # ``from scheduler import models`` imports scheduler.models.
            wider = module == CORE
            yield from ((line, f"{module}.{a.name}" if wider else module) for a in names)


def _is_allowed(name: str, own: str, *, in_tests: bool) -> bool:
    if _is_below(name, own):
        return True
    if _is_below(name, "scheduler_site") or any(_is_below(name, one) for one in SHIPPED):
        return False
    allowed = ALLOWED_IN_TESTS if in_tests else ALLOWED
    return not _is_below(name, CORE) or any(_is_below(name, one) for one in allowed)


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
