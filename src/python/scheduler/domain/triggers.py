"""Which jobs an event starts, and with which arguments.

A trigger names an event type, exactly (``order.created``) or by prefix (``order.*``: every type
that begins with ``order.``), and may name source and subject, exactly. All its conditions must
hold. A condition looks at one value of the event's document (``domain.events.document``) by a
dotted path: ``payload.order.total``, ``payload.items.0.sku``, ``attributes.traceparent``.

=====================  ===================================================================
``eq`` ``ne``          equal as JSON: ``1`` is ``1.0``, but ``true`` is not ``1``
``gt ge lt le``        two numbers, or two texts by code point; else it does not hold
``in`` ``not_in``      equal to one of a list, or to none
``contains``           a text holds the text, or a list the value
``starts_with``,       of a text
``ends_with``
``exists``             ``true``: the path leads somewhere (null too); ``false``: it does not
=====================  ===================================================================

Where a path leads nowhere, no condition holds but ``exists`` = ``false``.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.domain.errors import SchedulerError
from scheduler.domain.events import EventLimits, InvalidEvent, check_json
from scheduler.domain.launching import OPTION_NAME, option_words

ROOTS = ("payload", "type", "source", "subject", "dedupe_key", "occurred_at", "id", "attributes")
MAX_TRIGGERS, MAX_CONDITIONS, MAX_ARGS = 50, 20, 50
SUFFIX = ".*"
_TYPE = re.compile(r"(?! )[^*\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}(?<! )\Z")
_STORABLE = re.compile(r"[^\x00\ud800-\udfff]{0,200}\Z")
_FIELDS = frozenset({"event_type", "source", "subject", "conditions", "args"})
_CONDITION_FIELDS = frozenset({"path", "op", "value"})
_NOWHERE = object()


class InvalidTrigger(SchedulerError):
    """A trigger cannot be understood. ``field`` says where: ``triggers[0].conditions[1].op``."""

    code = "INVALID_TRIGGER"

    def __init__(self, field: str, problem: str, allowed: str) -> None:
        self.field, self.problem, self.allowed = field, problem, allowed
        super().__init__(f"{field}: {problem}; allowed: {allowed}.")


@dataclass(frozen=True, slots=True)
class Condition:
    """What one value of the event must be."""

    path: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Trigger:
    """When an event starts a job; ``args`` maps names of options to paths."""

    event_type: str
    source: str = ""
    subject: str = ""
    conditions: tuple[Condition, ...] = ()
    args: Mapping[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """The trigger as it is written; what is empty is left out."""
        conditions = [{"path": c.path, "op": c.op, "value": c.value} for c in self.conditions]
        found = {
            "event_type": self.event_type,
            "source": self.source,
            "subject": self.subject,
            "conditions": conditions,
            "args": dict(self.args or {}),
        }
        return {name: value for name, value in found.items() if value}


# ---------------------------------------------------------------------------------- as written


def parse_triggers(given: Any) -> tuple[Trigger, ...]:
    """The triggers of a job as people write them: a list of objects. Raises InvalidTrigger."""
    if not isinstance(given, list | tuple):
        raise InvalidTrigger("triggers", "it is no list", "a list of objects")
    if len(given) > MAX_TRIGGERS:
        raise InvalidTrigger("triggers", f"there are {len(given)}", f"up to {MAX_TRIGGERS}")
    return tuple(parse_trigger(each, f"triggers[{place}]") for place, each in enumerate(given))


def parse_trigger(given: Any, where: str = "trigger") -> Trigger:
    """One trigger. Raises InvalidTrigger, whose ``field`` begins with ``where``."""
    given = _object(given, where, _FIELDS)
    conditions = given.get("conditions") or []
    if not isinstance(conditions, list | tuple) or len(conditions) > MAX_CONDITIONS:
        allowed = f"a list of up to {MAX_CONDITIONS} objects"
        raise InvalidTrigger(f"{where}.conditions", "it is no such list", allowed)
    return Trigger(
        event_type=_event_type(given.get("event_type"), f"{where}.event_type"),
        source=_text(given.get("source"), f"{where}.source"),
        subject=_text(given.get("subject"), f"{where}.subject"),
        conditions=tuple(
            _condition(each, f"{where}.conditions[{place}]")
            for place, each in enumerate(conditions)
        ),
        args=_args(given.get("args") or {}, f"{where}.args"),
    )


def _object(given: Any, where: str, fields: frozenset[str]) -> Mapping[str, Any]:
    allowed = ", ".join(sorted(fields))
    if not isinstance(given, Mapping):
        raise InvalidTrigger(where, "it is no object", f"an object of {allowed}")
    strangers = sorted(map(str, given.keys() - fields))
    if strangers:
        raise InvalidTrigger(f"{where}.{strangers[0][:60]}", "there is no such field", allowed)
    return given


def _event_type(given: Any, where: str) -> str:
    allowed = "a type such as order.created, or a prefix such as order.*"
    if not isinstance(given, str) or not given:
        raise InvalidTrigger(where, "it is missing", allowed)
    if not _TYPE.match(given.removesuffix(SUFFIX)):
        raise InvalidTrigger(where, f"{given[:80]!r} is none", allowed)
    return given


def _text(given: Any, where: str) -> str:
    if given is None:
        return ""
    if not isinstance(given, str) or not _STORABLE.match(given):
        raise InvalidTrigger(where, "it is no such text", "a text of up to 200 characters")
    return given


def _condition(given: Any, where: str) -> Condition:
    given = _object(given, where, _CONDITION_FIELDS)
    path, op = _path(given.get("path"), f"{where}.path"), given.get("op", "eq")
    if not isinstance(op, str) or op not in OPERATORS:
        raise InvalidTrigger(f"{where}.op", f"{str(op)[:60]!r} is none", ", ".join(OPERATORS))
    if "value" not in given:
        raise InvalidTrigger(f"{where}.value", "it is missing", _VALUES.get(op, "a JSON value"))
    value = given["value"]
    if not _fits(op, value):
        raise InvalidTrigger(f"{where}.value", f"it does not suit {op}", _VALUES[op])
    try:
        check_json("value", value, EventLimits().max_depth)
    except InvalidEvent as error:
        raise InvalidTrigger(f"{where}.value", error.problem, error.allowed) from None
    return Condition(path, op, value)


def _path(given: Any, where: str) -> str:
    allowed = f"a dotted path that begins with one of {', '.join(ROOTS)}"
    if not isinstance(given, str) or not _STORABLE.match(given):
        raise InvalidTrigger(where, "it is no path", allowed)
    parts = given.split(".")
    whole = len(parts) == 1 or parts[0] in ("payload", "attributes")
    if parts[0] not in ROOTS or not all(parts) or not whole:
        raise InvalidTrigger(where, f"{given[:80]!r} leads nowhere", allowed)
    return given


def _args(given: Any, where: str) -> dict[str, str]:
    if not isinstance(given, Mapping) or len(given) > MAX_ARGS:
        allowed = f"an object of up to {MAX_ARGS} options, each with a path"
        raise InvalidTrigger(where, "it is no such object", allowed)
    for name in given:
        if not isinstance(name, str) or not OPTION_NAME.match(name):
            allowed = "letters, digits, - and _"
            raise InvalidTrigger(f"{where}.{str(name)[:60]}", "it is no option's name", allowed)
    return {name: _path(path, f"{where}.{name}") for name, path in given.items()}


# ------------------------------------------------------------------------------------ matching


def patterns_for(event_type: str) -> list[str]:
    """Every ``event_type`` of a trigger that this type matches."""
    dots = [place for place, letter in enumerate(event_type) if letter == "."]
    return [event_type, *(event_type[:place] + SUFFIX for place in dots)]


def matches(trigger: Trigger, event: Mapping[str, Any]) -> bool:
    """Whether an event (its document) starts the trigger's job."""
    if trigger.event_type.endswith(SUFFIX):
        if not event["type"].startswith(trigger.event_type[:-1]):
            return False
    elif event["type"] != trigger.event_type:
        return False
    if trigger.source not in ("", event["source"]) or trigger.subject not in ("", event["subject"]):
        return False
    return all(holds(condition, event) for condition in trigger.conditions)


def holds(condition: Condition, event: Mapping[str, Any]) -> bool:
    """Whether one condition holds of an event."""
    found = value_at(event, condition.path)
    if condition.op == "exists":
        return (found is not _NOWHERE) is condition.value
    return found is not _NOWHERE and OPERATORS[condition.op](found, condition.value)


def value_at(event: Mapping[str, Any], path: str) -> Any:
    """The value that a path leads to; a private mark where it leads nowhere."""
    found: Any = event
    for part in path.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isascii() and part.isdigit() and _in(found, part):
            found = found[int(part)]
        else:
            return _NOWHERE
    return found


def mapped_args(job: str, trigger: Trigger, event: Mapping[str, Any], default: Any) -> Any:
    """The arguments of the run that an event starts; None where the job's own count as they are.

    The job's own stay, what is mapped goes over them: an object's options are replaced by name,
    to a list they are added as ``--name=value``. A path that leads nowhere, or to null, leaves its
    option as it was. Objects, and lists of anything but texts and numbers, become JSON text."""
    found = {name: value_at(event, path) for name, path in (trigger.args or {}).items()}
    mapped = {
        name: _argument(value)
        for name, value in found.items()
        if value is not _NOWHERE and value is not None
    }
    if not mapped:
        return None
    if isinstance(default, list):
        return [*default, *option_words(job, mapped)]
    return {**(default or {}), **mapped}


def first_matching[K](
    triggers: Iterable[tuple[K, Trigger]], event: Mapping[str, Any]
) -> dict[K, Trigger]:
    """For each key (a definition) the first of its triggers that matches: one run, not several."""
    found: dict[K, Trigger] = {}
    for key, trigger in triggers:
        if key not in found and matches(trigger, event):
            found[key] = trigger
    return found


def _in(items: Sequence[Any], digits: str) -> bool:
    return len(digits) < 10 and int(digits) < len(items)


def _argument(value: Any) -> Any:
    plain = isinstance(value, str | int | float)
    words = isinstance(value, list) and all(
        isinstance(item, str | int | float) and not isinstance(item, bool) for item in value
    )
    if plain or words:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def hold(found: Any, wanted: Any) -> bool:
        numbers = _is_number(found) and _is_number(wanted)
        texts = isinstance(found, str) and isinstance(wanted, str)
        return (numbers or texts) and compare(found, wanted)

    return hold


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return isinstance(wanted, str) and wanted in found
    return isinstance(found, list) and any(_same(item, wanted) for item in found)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _same,
    "ne": lambda found, wanted: not _same(found, wanted),
    "gt": _ordered(lambda found, wanted: bool(found > wanted)),
    "ge": _ordered(lambda found, wanted: bool(found >= wanted)),
    "lt": _ordered(lambda found, wanted: bool(found < wanted)),
    "le": _ordered(lambda found, wanted: bool(found <= wanted)),
    "in": lambda found, wanted: any(_same(found, item) for item in wanted),
    "not_in": lambda found, wanted: not any(_same(found, item) for item in wanted),
    "contains": _contains,
    "starts_with": lambda found, wanted: isinstance(found, str) and found.startswith(wanted),
    "ends_with": lambda found, wanted: isinstance(found, str) and found.endswith(wanted),
    "exists": lambda found, wanted: bool(wanted),
}
"""The closed set of operators, each of (value found, value wanted)."""

_VALUES = {
    **dict.fromkeys(("gt", "ge", "lt", "le"), "a number or a text"),
    **dict.fromkeys(("in", "not_in"), "a list"),
    **dict.fromkeys(("starts_with", "ends_with"), "a text"),
    "exists": "true or false",
}


def _fits(op: str, value: Any) -> bool:
    if op in ("gt", "ge", "lt", "le"):
        return isinstance(value, str) or _is_number(value)
    if op in ("in", "not_in"):
        return isinstance(value, list)
    if op in ("starts_with", "ends_with"):
        return isinstance(value, str)
    return isinstance(value, bool) if op == "exists" else True
