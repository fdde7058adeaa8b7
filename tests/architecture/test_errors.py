"""Every error raised on purpose is a class with a code of its own, and stands in docs/errors.md."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "python"
PACKAGES = ("scheduler", "scheduler_demo", "plugins/*")
ROOT_CLASS = "SchedulerError"
CODE = re.compile(r"[A-Z][A-Z0-9_]+")


@dataclass(frozen=True)
class ErrorClass:
    """``code`` is the one written in the class itself; empty where it has none."""

    package: str
    name: str
    bases: frozenset[str]
    code: str


def classes_in(package: Path) -> Iterator[ErrorClass]:
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = frozenset(ast.unparse(base).rpartition(".")[2] for base in node.bases)
                yield ErrorClass(package.name, node.name, bases, _code(node))


def _code(node: ast.ClassDef) -> str:
    for line in node.body:
        match line:
            case (
                ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
                | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
            ):
                return code
    return ""


def errors_in(*packages: Path) -> list[ErrorClass]:
    """The root of the errors, and all that derives from it, over any number of steps."""
    found = [one for package in packages for one in classes_in(package)]
    names, before = {ROOT_CLASS}, 0
    while len(names) > before:
        before = len(names)
        names |= {one.name for one in found if one.bases & names}
    return [one for one in found if one.name == ROOT_CLASS or one.bases & names]


def codes_without_a_class(package: Path) -> list[str]:
    """``file:line code`` of each call of ``problem`` that spells its code out."""
    return [
        f"{path.name}:{node.lineno} {argument.value!r}"
        for path in sorted(package.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "problem"
        for argument in node.args
        if isinstance(argument, ast.Constant) and CODE.fullmatch(str(argument.value))
    ]


def shipped() -> list[Path]:
    found = [path for pattern in PACKAGES for path in sorted(SOURCE.glob(pattern))]
    packages = [path for path in found if (path / "__init__.py").exists()]
    assert len(packages) >= 6, "this test needs the sources of the plugins: see BUILD"
    return packages


def documented() -> list[str]:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([A-Z0-9_]+)` \|", text, flags=re.MULTILINE)


def test_every_error_has_a_code_of_its_own() -> None:
    without = [
        f"{one.package}.{one.name}" for one in errors_in(*shipped()) if not CODE.fullmatch(one.code)
    ]
    assert not without


def test_no_two_errors_of_a_package_share_a_code() -> None:
    counts = Counter((one.package, one.code) for one in errors_in(*shipped()))
    assert not [pair for pair, count in counts.items() if count > 1]


def test_no_answer_has_a_code_that_no_error_has() -> None:
    assert not [line for package in shipped() for line in codes_without_a_class(package)]


def test_every_error_is_in_the_documentation() -> None:
    missing = {one.code for one in errors_in(*shipped())} - set(documented())
    assert not missing, f"add a row to docs/errors.md for: {', '.join(sorted(missing))}"


def test_the_documentation_names_no_error_that_is_gone_and_none_twice() -> None:
    assert not set(documented()) - {one.code for one in errors_in(*shipped())}
    assert len(documented()) == len(set(documented()))


def test_errors_are_found_however_far_they_are_from_the_root(tmp_path: Path) -> None:
    package = tmp_path / "some_package"
    package.mkdir()
    (package / "a.py").write_text("class Far(near.Near):\n    code: ClassVar[str] = 'FAR'\n")
    near = "class Near(SchedulerError): pass\nclass Other: code = 'X'\n"
    (package / "b.py").write_text(near)
    assert {(one.name, one.code) for one in errors_in(package)} == {("Far", "FAR"), ("Near", "")}


def test_a_code_without_a_class_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("problem(404, 'NOT_HERE', 'It is not here.')\n")
    assert codes_without_a_class(tmp_path) == ["a.py:1 'NOT_HERE'"]
