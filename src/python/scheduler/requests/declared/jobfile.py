"""Reads ``jobs.yaml``: YAML in its plain form, with the line of every key kept for errors.

The plain form: ``true`` and ``false`` are the only booleans, numbers are decimal, dates and times
are text (so ``daily_at: 02:30`` means what it says), a key stands once, and there are no
anchors, aliases or tags.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scheduler.domain.declaring import FILE, SCHEDULE_FORMS, Declaration
from scheduler.domain.errors import InvalidDeclaration
from scheduler.requests.declared.fields import SHORT_NAMES, resolve

TOP_KEYS = ("version", "source", "defaults", "jobs")
VERSION = 1
BYTES_AT_MOST = 10_000_000
SOURCE_ALLOWED = "text of 1 to 190 characters without spaces around it"


@dataclass(frozen=True, slots=True)
class JobFile:
    """What a file declares. ``source`` is ``file:<name>``: the owner of its jobs."""

    source: str
    declarations: tuple[Declaration, ...]


@dataclass(frozen=True, slots=True)
class _Value:
    """A value with the line on which it stands (from 1)."""

    plain: Any
    line: int


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's surprises (``no``, ``1:30``, dates)."""

    yaml_implicit_resolvers: dict[str, Any] = {}


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?\Z"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]
)


def read_job_file(path: Path) -> JobFile:
    """The declarations of a file. Raises InvalidDeclaration with file and line."""
    shown = str(path)
    try:
        data = path.read_bytes()
        if len(data) > BYTES_AT_MOST:
            raise InvalidDeclaration(shown, "", "", "it is too long", f"{BYTES_AT_MOST} bytes")
        text = data.decode("utf-8-sig")
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
        raise InvalidDeclaration(shown, "", "", problem, "a file of jobs in YAML") from None
    except UnicodeDecodeError:
        raise InvalidDeclaration(shown, "", "", "it is not UTF-8", "text in UTF-8") from None
    return parse_job_file(text, shown)


def parse_job_file(text: str, file: str) -> JobFile:
    """The declarations of a file's text; ``file`` is its name, for errors and as its source.

    Raises InvalidDeclaration."""
    try:
        return _Reader(file).read(text)
    except RecursionError:
        raise InvalidDeclaration(file, "", "", "it is nested too deeply", "less") from None


def _without(defaults: Mapping[str, _Value], own: Mapping[str, _Value]) -> dict[str, _Value]:
    """The defaults that the job does not state in another way."""
    says_when = any(form in own for form in SCHEDULE_FORMS)
    named = {SHORT_NAMES.get(key, key) for key in own}
    return {
        key: value
        for key, value in defaults.items()
        if not (says_when and key in SCHEDULE_FORMS) and SHORT_NAMES.get(key, key) not in named
    }


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file

    def read(self, text: str) -> JobFile:
        top = self._top(text)
        version = top.get("version", _Value(VERSION, 1))
        if version.plain != VERSION or isinstance(version.plain, bool):
            raise self._error(version.line, "", "version", f"it is {version.plain!r}", str(VERSION))
        source = self._source(top)
        defaults = self._block(top.get("defaults"), "defaults")
        jobs = self._block(top.get("jobs"), "jobs")
        declared = [self._job(source, name, jobs[name], defaults) for name in jobs]
        return JobFile(source, tuple(sorted(declared, key=lambda job: job.name)))

    def _top(self, text: str) -> dict[str, _Value]:
        node = self._composed(text)
        if node is None:
            raise self._error(1, "", "jobs", "the file is empty", "jobs: with the jobs by name")
        top: dict[str, _Value] = self._mapping(node, "")
        for key, value in top.items():
            if key not in TOP_KEYS:
                raise self._error(value.line, "", key, "unknown", ", ".join(TOP_KEYS))
        if "jobs" not in top:
            raise self._error(1, "", "jobs", "missing", "the jobs by name; none: {}")
        return top

    def _composed(self, text: str) -> Any:
        try:
            for event in yaml.parse(text, Loader=_Loader):
                mark = event.start_mark.line + 1 if event.start_mark else 1
                if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                    problem = "an anchor or alias"
                    raise self._error(mark, "", "", problem, "values written out, or defaults:")
                if getattr(event, "tag", None) not in (None, "!"):
                    raise self._error(mark, "", "", "a tag", "plain values")
            return yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            found = error.problem_mark or error.context_mark
            line = found.line + 1 if found else 1
            problem = f"it is not YAML ({error.problem or error.context})"
            raise self._error(line, "", "", problem, "one document of YAML") from None
        except yaml.YAMLError as error:
            problem = f"it is not YAML ({str(error).splitlines()[0]})"
            raise self._error(1, "", "", problem, "one document of YAML") from None

    def _source(self, top: Mapping[str, _Value]) -> str:
        given = top.get("source")
        name = Path(self._file).name if given is None else given.plain
        usable = isinstance(name, str) and name.strip() == name and 0 < len(name) <= 190
        if not usable or not name.isprintable():
            line = given.line if given else 1
            raise self._error(line, "", "source", f"it is {name!r}", SOURCE_ALLOWED)
        return f"{FILE}{name}"

    def _block(self, value: _Value | None, key: str) -> dict[str, _Value]:
        """A mapping below the top, its values still with lines."""
        if value is None or value.plain is None:
            return {}
        if not isinstance(value.plain, yaml.MappingNode):
            raise self._error(value.line, "", key, "it is no mapping", "name: value, indented")
        found: dict[str, _Value] = self._mapping(value.plain, "")
        return found

    def _job(
        self, source: str, name: str, value: _Value, defaults: Mapping[str, _Value]
    ) -> Declaration:
        own = {}
        if isinstance(value.plain, yaml.MappingNode):
            own = self._mapping(value.plain, name)
        elif value.plain is not None:
            raise self._error(value.line, name, "", "it is no mapping", "field: value, indented")
        values = {**_without(defaults, own), **own}
        stated = {key: self._plain(one.plain, name) for key, one in values.items()}
        lines = {key: one.line for key, one in values.items()}

        def place(key: str) -> str:
            return f"{self._file}:{lines.get(key, value.line)}"

        fields, parts = resolve(name, stated, place)
        return Declaration(name, source, place(""), fields, parts)

    def _mapping(self, node: Any, job: str) -> dict[str, _Value]:
        """Keys to values with the keys' lines; values that are collections stay nodes."""
        if not isinstance(node, yaml.MappingNode):
            line = node.start_mark.line + 1
            raise self._error(line, job, "", "it is no mapping", "name: value, a line each")
        found: dict[str, _Value] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, line, job)
            if key in found:
                problem = f"it stands twice (first in line {found[key].line})"
                raise self._error(line, job, key, problem, "each key once")
            scalar = isinstance(value_node, yaml.ScalarNode)
            found[key] = _Value(self._scalar(value_node) if scalar else value_node, line)
        return found

    def _key(self, node: Any, line: int, job: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(line, job, "", "a key is no text", "text before the colon")
        return str(node.value)

    def _plain(self, node: Any, job: str) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {key: self._plain(v.plain, job) for key, v in self._mapping(node, job).items()}
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, job) for item in node.value]
        return self._scalar(node) if isinstance(node, yaml.ScalarNode) else node

    def _scalar(self, node: Any) -> Any:
        try:
            return _Loader("").construct_object(node)
        except ValueError as error:  # An integer of thousands of digits.
            line = node.start_mark.line + 1
            raise self._error(line, "", "", f"a bad value ({error})", "a shorter one") from None

    def _error(
        self, line: int, job: str, field: str, problem: str, allowed: str
    ) -> InvalidDeclaration:
        return InvalidDeclaration(f"{self._file}:{line}", job, field, problem, allowed)
