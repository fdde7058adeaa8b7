"""Writes jobs as a file that ``apply`` finds nothing to change in."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import yaml

from scheduler.domain.declaring import Existing, same
from scheduler.requests.declared.fields import FIELDS, SHORT_NAMES, default_of, lowest
from scheduler.requests.declared.parts import related_parts

HEADER = """\
# Jobs of the scheduler, as they were on {day}.
#
#   manage.py scheduler_jobs plan FILE     what applying this file would change
#   manage.py scheduler_jobs apply FILE    make the jobs so
#
# A field that is not listed has its default. Every field: docs/jobs-as-code.md.
"""
FIRST = ("description", "enabled", "command", "args", "schedule", "timezone")
LINE_BREAKS = frozenset("\x85\u2028\u2029")
SHORT_OF = {name: short for short, name in SHORT_NAMES.items()}


class _Dumper(yaml.SafeDumper):
    """Writes each list and object out, indented; never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """PyYAML writes the rarer line breaks bare, and reads them as spaces: those are escaped."""
    style = '"' if LINE_BREAKS.intersection(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def exported(jobs: Iterable[Existing], now: datetime) -> str:
    """The text of a file that declares these jobs, in the order of their names."""
    blocks = {job.name: _stated(job) for job in sorted(jobs, key=lambda job: job.name)}
    text = yaml.dump(
        {"version": 1, "jobs": blocks},
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        width=100,
    )
    return f"{HEADER.format(day=now.date().isoformat())}\n{text}"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a file, for editors."""
    properties: dict[str, Any] = {key: _schema(FIELDS[key]) for key in sorted(FIELDS)}
    properties |= {short: properties[name] for short, name in SHORT_NAMES.items()}
    properties |= {
        "cron": {"type": "string", "examples": ["*/5 * * * *"]},
        "daily_at": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"},
        "at": {"type": "string", "examples": ["2027-01-31T18:00:00+09:00"]},
        "every": {"type": ["integer", "string"], "examples": [90, "5m", "1h30m"]},
        "schedule": {"type": ["object", "null"], "required": ["kind"]},
    }
    properties |= {key: dict(part.schema) for key, part in related_parts().items()}
    job = {"type": ["object", "null"], "additionalProperties": False, "properties": properties}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Jobs of the scheduler",
        "type": "object",
        "additionalProperties": False,
        "required": ["jobs"],
        "properties": {
            "version": {"const": 1},
            "source": {"type": "string", "minLength": 1, "maxLength": 190},
            "defaults": {"$ref": "#/$defs/job"},
            "jobs": {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/job"}},
        },
        "$defs": {"job": job},
    }


def _stated(job: Existing) -> dict[str, Any]:
    """What differs from the defaults, the most telling first."""
    found = {
        SHORT_OF.get(key, key): _written(value)
        for key, value in job.fields.items()
        if not same(value, default_of(key))
    }
    empty = {key: part.empty for key, part in related_parts().items()}
    found |= {key: value for key, value in job.parts.items() if not same(value, empty.get(key))}
    if job.held:
        del found["enabled"]
    order: Mapping[str, int] = {key: number for number, key in enumerate(FIRST)}
    return {key: found[key] for key in sorted(found, key=lambda k: (order.get(k, 99), k))}


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _schema(field: Any) -> dict[str, Any]:
    kind = {
        "BooleanField": "boolean",
        "FloatField": "number",
        "IntegerField": "integer",
        "PositiveIntegerField": "integer",
        "JSONField": None,
    }.get(field.get_internal_type(), "string")
    found: dict[str, Any] = {"description": str(field.help_text)} if field.help_text else {}
    if field.choices:
        return {**found, "enum": [value for value, _ in field.choices]}
    if kind is not None:
        found["type"] = [kind, "null"] if field.null else kind
    if kind == "string" and field.max_length:
        found["maxLength"] = field.max_length
    low = lowest(field)
    return found if low is None else {**found, "minimum": low}
