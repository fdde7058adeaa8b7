"""What a declaration may state: the model's editable fields, two short names, the forms of when.

All is derived from JobDefinition, so that a new field can be declared without a change here.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import Enum
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from scheduler.domain.calendars import PLAIN, CalendarRule
from scheduler.domain.declaring import SCHEDULE_FORMS, schedule_of
from scheduler.domain.errors import InvalidArgs, InvalidDeclaration, InvalidSchedule
from scheduler.domain.json_values import is_storable, parts
from scheduler.domain.launching import CALL_COMMAND, command_arguments
from scheduler.domain.schedules import CalendarUse, Window, parse_schedule, with_anchor
from scheduler.models import JobDefinition
from scheduler.requests.declared.parts import related_parts
from scheduler.requests.jobs import EDITABLE_FIELDS

SHORT_NAMES = {"command": "command_name", "args": "default_args_json"}
NOT_DECLARED = frozenset({"provenance", "quarantined_at"})
"""Editable, but facts of the moment or of the source itself."""

FIELDS: dict[str, Any] = {
    field.name: field
    for field in JobDefinition._meta.concrete_fields
    if field.name in EDITABLE_FIELDS - NOT_DECLARED
}
DEFAULT_ZONE = datetime(2000, 1, 1, tzinfo=UTC)

Place = Callable[[str], str]
"""From a stated key ("" for the job itself) to file:line."""


def allowed_keys() -> list[str]:
    """Every key that a job may state, sorted."""
    return sorted({*FIELDS, *SHORT_NAMES, *SCHEDULE_FORMS, *related_parts()})


def resolve(
    name: object, stated: Mapping[str, Any], place: Place
) -> tuple[dict[str, Any], dict[str, Any]]:
    """All fields and related parts of the job that states these keys.

    Fields have their Python types: datetimes aware, UTC; JSON as lists, dicts and scalars.
    Raises InvalidDeclaration for the first thing that is wrong.
    """
    job = _checked_name(name, place)
    _refuse_unknown(job, stated, place)
    values = _with_long_names(job, stated, place)
    fields = {key: default_of(key) for key in FIELDS}
    for key in [key for key in values if key in FIELDS and key != "schedule"]:
        fields[key] = _typed(job, key, values[key], place)
    fields["schedule"] = _schedule(job, stated, fields, place)
    _check_whole(job, fields, stated, place)
    parts = {
        key: part.checked(values[key], job, place(key)) if key in values else part.empty
        for key, part in related_parts().items()
    }
    return fields, parts


def default_of(key: str) -> Any:
    """The value of a field that is not stated."""
    value = FIELDS[key].get_default()
    return value.value if isinstance(value, Enum) else value


def allowed_of(field: Any) -> str:
    """What the field may hold, in words."""
    return _kind_in_words(field) + (", or null" if field.null else "")


def lowest(field: Any) -> float | None:
    """The least value that the field's own validators take."""
    bounds = [0.0] if isinstance(field, models.PositiveIntegerField) else []
    for one in field._validators:
        if isinstance(one, MinValueValidator) and not callable(one.limit_value):
            bounds.append(one.limit_value)
    return max(bounds, default=None)


def _checked_name(name: object, place: Place) -> str:
    length = FIELDS_OF_NAME.max_length
    allowed = f"text of 1 to {length} characters"
    if not isinstance(name, str) or not name.strip() or len(name) > length:
        raise InvalidDeclaration(place(""), str(name)[:80], "name", "the name is unusable", allowed)
    if name != name.strip() or not is_storable(name) or not name.isprintable():
        allowed += " without control characters and without spaces around it"
        raise InvalidDeclaration(place(""), name[:80], "name", "the name is unusable", allowed)
    return name


def _refuse_unknown(job: str, stated: Mapping[str, Any], place: Place) -> None:
    known = allowed_keys()
    for key in stated:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"there is no such field (did you mean {near[0]!r}?)" if near else "unknown"
            raise InvalidDeclaration(place(key), job, str(key), hint, ", ".join(known))


def _with_long_names(job: str, stated: Mapping[str, Any], place: Place) -> dict[str, Any]:
    for short, name in SHORT_NAMES.items():
        if short in stated and name in stated:
            problem = f"it stands beside {name!r}"
            raise InvalidDeclaration(place(short), job, short, problem, "one of the two")
    return {SHORT_NAMES.get(key, key): value for key, value in stated.items()}


def _typed(job: str, key: str, value: Any, place: Place) -> Any:
    field = FIELDS[key]
    if value is None and field.null:
        return None
    try:
        return _convert(field, value)
    except (TypeError, ValueError, RecursionError):
        shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
        stated = _stated_as(key, place)
        raise InvalidDeclaration(
            place(stated), job, stated, f"it is {shown}", allowed_of(field)
        ) from None


def _convert(field: Any, value: Any) -> Any:
    match field:
        case models.BooleanField():
            return _instance(value, bool)
        case models.IntegerField():
            return _number(value, int)
        case models.FloatField():
            return float(_number(value, (int, float)))
        case models.DateTimeField():
            return _instant(value)
        case models.JSONField():
            return _json(value)
    text = _instance(value, str)
    if not is_storable(text):
        raise ValueError
    return str(text)


def _instance(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _number(value: Any, kind: Any) -> Any:
    if isinstance(value, bool) or abs(_instance(value, kind)) > 2**31 - 1 or value != value:
        raise TypeError
    return value


def _instant(value: Any) -> datetime:
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError
    return instant.astimezone(UTC)


def _json(value: Any) -> Any:
    plain = json.loads(json.dumps(value, allow_nan=False), parse_float=_float)
    if not all(is_storable(part) for part, _ in parts(plain) if isinstance(part, str)):
        raise ValueError
    return plain


def _float(text: str) -> float | int:
    """As PostgreSQL gives it back: large ones without a fraction, and no negative zero."""
    value = float(text)
    return int(value) if abs(value) >= 1e16 else value + 0.0


def _schedule(
    job: str, stated: Mapping[str, Any], fields: Mapping[str, Any], place: Place
) -> dict[str, Any] | None:
    form = next((key for key in SCHEDULE_FORMS if stated.get(key) is not None), "schedule")
    try:
        spec = schedule_of(stated)
        spec = None if spec is None else _json(spec)
    except (TypeError, RecursionError):
        raise InvalidDeclaration(place(form), job, form, "it is not JSON", "JSON") from None
    except ValueError as error:
        if len(error.args) != 3:
            raise InvalidDeclaration(place(form), job, form, "it is not JSON", "JSON") from None
        field, problem, allowed = error.args
        raise InvalidDeclaration(place(field), job, field, problem, allowed) from None
    try:
        window = Window(fields.get("starts_at"), fields.get("ends_at"))
        given = {"kind": "interval", "seconds": 1} if spec is None else spec
        use = _calendar_use(fields)
        parse_schedule(with_anchor(given, DEFAULT_ZONE), fields["timezone"], window, use)
    except InvalidSchedule as error:
        own = {"timezone", "calendar", "calendar_rule"}
        at = "ends_at" if error.field == "end_at" else error.field if error.field in own else form
        problem = str(error).partition("; allowed:")[0]
        raise InvalidDeclaration(place(at), job, at, problem, error.allowed) from None
    return spec


def _calendar_use(fields: Mapping[str, Any]) -> CalendarUse | None:
    """Some calendar in the place of the one that is named: whether that exists, and its days, are
    asked of the database when the job is saved."""
    rule = fields.get("calendar_rule", CalendarRule.ONLY)
    if not fields.get("calendar") or rule not in CalendarRule:
        return None
    return CalendarUse(PLAIN, CalendarRule(rule))


def _check_whole(
    job: str, fields: Mapping[str, Any], stated: Mapping[str, Any], place: Place
) -> None:
    if fields["executor"] == "management_command" and not fields["command_name"]:
        raise InvalidDeclaration(place(""), job, "command", "missing", "a management command")
    _check_args(job, fields, place)
    # No calendar either: which there are is asked of the database when the jobs are planned.
    whole = {**fields, "schedule": None, "calendar": ""}
    try:
        definition = JobDefinition(name=job, **whole)
        definition.clean_fields(exclude={"name"})
        definition.clean()
    except ValidationError as error:
        key, messages = next(iter(error.message_dict.items()))
        at = _stated_as(key, place)
        allowed = allowed_of(FIELDS[key]) if key in FIELDS else "as docs/jobs-as-code.md says"
        problem = messages[0].rstrip(".")
        raise InvalidDeclaration(place(at), job, at, problem, allowed) from None


def _check_args(job: str, fields: Mapping[str, Any], place: Place) -> None:
    args, command = fields["default_args_json"], fields["command_name"]
    at = _stated_as("default_args_json", place)
    if args is not None and not isinstance(args, list | dict):
        raise InvalidDeclaration(place(at), job, at, f"it is {args!r}", "a list or an object")
    if fields["executor"] != "management_command" or command == CALL_COMMAND:
        return
    try:
        command_arguments(job, args)
    except InvalidArgs as error:
        raise InvalidDeclaration(place(at), job, at, error.problem, error.allowed) from None


def _stated_as(key: str, place: Place) -> str:
    """The short name where the declaration used that one: its line is known then."""
    short = next((s for s, name in SHORT_NAMES.items() if name == key), key)
    return short if short != key and place(key) == place("") else key


def _kind_in_words(field: Any) -> str:
    if field.choices:
        return "one of " + ", ".join(str(value) for value, _ in field.choices)
    low = lowest(field)
    bound = "" if low is None else f" from {low:g} up"
    match field:
        case models.BooleanField():
            return "true or false"
        case models.IntegerField():
            return f"a whole number{bound}"
        case models.FloatField():
            return f"a number{bound}"
        case models.DateTimeField():
            return "an ISO 8601 instant with its UTC offset"
        case models.JSONField():
            return "JSON: " + (str(field.help_text).rstrip(".") or "any value")
    limit = f" of up to {field.max_length} characters" if field.max_length else ""
    return f"text{limit} (in quotes where it looks like a number)"


FIELDS_OF_NAME: Any = JobDefinition._meta.get_field("name")
