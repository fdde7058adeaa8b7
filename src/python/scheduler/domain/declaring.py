"""From jobs as they are declared, and as they are, to what must change.

A source (the project's code, or a file) declares whole jobs: a field that it does not state has
its default. It changes and deletes only what it owns. Who owns a job stands in ``provenance``:
``code:<module>:<qualname>``, ``file:<name>``, or nothing, where a person does. All code is one
source; each file is one.

A person may disable a job in an emergency, whoever owns it. That is a *hold*: it stays disabled,
whatever its source says, until a person enables it again; the source's word counts again then.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

CODE = "code:"
FILE = "file:"
SCHEDULE_FORMS = ("cron", "every", "daily_at", "at", "schedule")
EVERY_TEXT = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\Z")
EVERY_ALLOWED = "a number of whole seconds, or a text such as 90s, 5m or 1h30m"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One whole job as its source declares it: every field, defaults included."""

    name: str
    owner: str
    where: str
    fields: Mapping[str, Any]
    parts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Existing:
    """One job as it is. ``held``: a person disabled it, and that stands."""

    name: str
    owner: str
    held: bool
    fields: Mapping[str, Any]
    parts: Mapping[str, Any] = field(default_factory=dict)


class Kind(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field (or related part) that gets another value."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class JobChange:
    """What happens to one job. ``before`` and ``after`` are all its fields; None: not there."""

    kind: Kind
    name: str
    where: str
    owner: str
    changes: tuple[FieldChange, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a source would do. Names are sorted.

    ``foreign``: (name, owner) of jobs it declares otherwise than they are and does not own: they
    stay as they are. ``left``: its jobs that it no longer lists, kept without prune. ``held``:
    its jobs that a person keeps disabled."""

    source: str
    changes: tuple[JobChange, ...]
    unchanged: int
    foreign: tuple[tuple[str, str], ...] = ()
    left: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


def is_managed(owner: str) -> bool:
    """Whether code or a file owns the job, so that a person must not change it by hand."""
    return owner.startswith((CODE, FILE))


def owns(source: str, owner: str) -> bool:
    """Whether ``source`` (``code:`` or ``file:<name>``) is where ``owner`` points to."""
    return owner.startswith(CODE) if source == CODE else owner == source


def plan_changes(
    declared: Sequence[Declaration],
    existing: Iterable[Existing],
    *,
    source: str,
    prune: bool = False,
    take_over: bool = False,
) -> Plan:
    """What must change so that the jobs are as ``source`` declares them."""
    known = {job.name: job for job in existing}
    wanted = {job.name: job for job in declared}
    changes: list[JobChange] = []
    foreign: list[tuple[str, str]] = []
    for name in sorted(wanted):
        change = _change(wanted[name], known.get(name), source, take_over)
        if change is None:
            continue
        old = known.get(name)
        if old is not None and not owns(source, old.owner) and not take_over:
            foreign.append((name, old.owner))
        else:
            changes.append(change)
    gone = [n for n in sorted(known) if n not in wanted and owns(source, known[n].owner)]
    if prune:
        changes += [_delete(known[name]) for name in gone]
    return Plan(
        source,
        tuple(changes),
        len(wanted) - sum(c.kind is not Kind.DELETE for c in changes) - len(foreign),
        tuple(foreign),
        () if prune else tuple(gone),
        tuple(name for name in sorted(wanted) if _is_held(known.get(name), source)),
    )


def digest(declared: Iterable[Declaration]) -> str:
    """A name for this set of declarations: equal for equal sets, 64 hex digits."""
    rows = sorted([job.name, job.owner, _text(job.fields), _text(job.parts)] for job in declared)
    return hashlib.sha256(_text(rows).encode(errors="surrogatepass")).hexdigest()


def same(old: Any, new: Any) -> bool:
    """Whether two JSON-like values are equal, where 1, 1.0 and true are not the same."""
    return type(old) is type(new) and _text(old) == _text(new)


def schedule_of(stated: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schedule's spec of the one friendly form stated; None: no schedule.

    Raises ValueError with (field, problem, allowed) as its arguments."""
    given = [form for form in SCHEDULE_FORMS if stated.get(form) is not None]
    if len(given) > 1:
        allowed = f"one of {', '.join(SCHEDULE_FORMS)}"
        raise ValueError(given[1], f"it stands beside {given[0]!r}", allowed)
    if not given:
        return None
    value = stated[given[0]]
    match given[0]:
        case "cron":
            return {"kind": "cron", "expression": _word("cron", value)}
        case "daily_at":
            return {"kind": "daily", "at": _word("daily_at", value)}
        case "at":
            at = value.isoformat() if isinstance(value, datetime) else value
            return {"kind": "once", "at": _word("at", at)}
        case "every":
            return {"kind": "interval", "seconds": _seconds(value)}
    if not isinstance(value, Mapping):
        raise ValueError("schedule", f"it is {value!r}", 'an object such as {"kind": "daily", ...}')
    return dict(value)


def _change(
    new: Declaration, old: Existing | None, source: str, take_over: bool
) -> JobChange | None:
    if old is None:
        stated = (*new.fields.items(), *new.parts.items())
        changes = tuple(FieldChange(key, None, value) for key, value in stated)
        return JobChange(Kind.CREATE, new.name, new.where, new.owner, changes, None, new.fields)
    after = _kept_anchor({**new.fields, **({"enabled": False} if old.held else {})}, old.fields)
    changes = (*_differences(old.fields, after), *_differences(old.parts, new.parts))
    if new.owner != old.owner and (owns(source, old.owner) or take_over):
        changes = (FieldChange("provenance", old.owner, new.owner), *changes)
    if not changes:
        return None
    return JobChange(Kind.CHANGE, new.name, new.where, new.owner, changes, old.fields, after)


def _delete(old: Existing) -> JobChange:
    return JobChange(Kind.DELETE, old.name, "", old.owner, (), old.fields, None)


def _is_held(old: Existing | None, source: str) -> bool:
    return old is not None and old.held and owns(source, old.owner)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    keys = [key for key in new if not same(old.get(key), new[key])]
    return tuple(FieldChange(key, old.get(key), new[key]) for key in keys)


def _kept_anchor(new: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """An interval declared without an anchor keeps the one it has while its length stays."""
    spec, was = new.get("schedule"), old.get("schedule")
    if not isinstance(spec, Mapping) or not isinstance(was, Mapping) or "anchor" in spec:
        return new
    without = {key: value for key, value in was.items() if key != "anchor"}
    return {**new, "schedule": was} if same(dict(spec), without) else new


def _seconds(value: Any) -> int:
    if isinstance(value, timedelta):
        value = value.total_seconds()
        value = int(value) if value == int(value) else value
    if isinstance(value, str) and value and (found := EVERY_TEXT.match(value)):
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        value = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("every", f"it is {value!r}", EVERY_ALLOWED)
    return value


def _word(field: str, value: Any) -> str:
    if not isinstance(value, str):
        hint = " (put it in quotes)" if isinstance(value, int | float) else ""
        raise ValueError(field, f"it is {value!r}, not text{hint}", "text")
    return value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_spelled)


def _spelled(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else dict(value)
