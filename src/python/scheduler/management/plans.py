"""A plan in words, and as JSON."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from scheduler.domain.declaring import FieldChange, JobChange, Kind, Plan, same
from scheduler.domain.outlook import DAYS, Outlook, outlook
from scheduler.queries.preview import calendar_use
from scheduler.requests.declared.fields import FIELDS, default_of
from scheduler.requests.declared.parts import related_parts

SIGNS = {Kind.CREATE: "+", Kind.CHANGE: "~", Kind.DELETE: "-"}


def in_words(plan: Plan, now: datetime, *, done: bool = False) -> str:
    """The plan for people; ``done`` speaks of what was applied."""
    lines = [line for change in plan.changes for line in _change_in_words(change, now)]
    lines += [
        f"! {name}: owned by {owner or 'a person'}; left as it is" for name, owner in plan.foreign
    ]
    lines += [f"= {name}: disabled by a person, and kept so until enabled" for name in plan.held]
    lines += [f"? {name}: no longer listed here; --prune deletes it" for name in plan.left]
    return "\n".join([*lines, _summary(plan, done)])


def as_json(plan: Plan, now: datetime) -> str:
    """The plan for programs: one object; instants are ISO 8601 with offset."""
    found = {
        "source": plan.source,
        "changes": [_change_as_json(change, now) for change in plan.changes],
        "unchanged": plan.unchanged,
        "foreign": dict(plan.foreign),
        "left": list(plan.left),
        "held": list(plan.held),
    }
    return json.dumps(found, ensure_ascii=False, default=_spelled)


def _summary(plan: Plan, done: bool) -> str:
    counts = {kind: sum(change.kind is kind for change in plan.changes) for kind in Kind}
    verb = {True: ("created", "changed", "deleted"), False: ("to create", "to change", "to delete")}
    words = zip(counts.values(), verb[done], strict=True)
    parts = ", ".join(f"{count} {word}" for count, word in words)
    return f"{plan.source.removesuffix(':')}: {parts}, {plan.unchanged} unchanged."


def _change_in_words(change: JobChange, now: datetime) -> list[str]:
    title = f"{SIGNS[change.kind]} {change.kind} {change.name}"
    return [
        title,
        *map(_field_in_words, _shown(change)),
        *_runs_in_words(outlook(change, now, calendar_use)),
    ]


def _shown(change: JobChange) -> Iterable[FieldChange]:
    """Of a new job, only what is not as by default."""
    if change.kind is not Kind.CREATE:
        return change.changes
    return [one for one in change.changes if not same(one.new, _default(one.field))]


def _default(key: str) -> Any:
    return default_of(key) if key in FIELDS else related_parts()[key].empty


def _field_in_words(one: FieldChange) -> str:
    old, new = _text(one.old), _text(one.new)
    return f"    {one.field}: {new if one.old is None else f'{old} -> {new}'}"


def _runs_in_words(look: Outlook) -> list[str]:
    if not look.added and not look.removed:
        return []
    cut = " or more" if look.cut else ""
    lines = [f"    runs in the next {DAYS} days: +{look.added} -{look.removed}{cut}"]
    for sign, first, number in (
        ("+", look.first_new, look.added),
        ("-", look.first_gone, look.removed),
    ):
        if first:
            more = ", ..." if number > len(first) else ""
            lines.append(f"      {sign} {', '.join(map(_moment, first))}{more}")
    return lines


def _moment(instant: datetime) -> str:
    return f"{instant:%a %Y-%m-%d %H:%M:%S %Z}"


def _change_as_json(change: JobChange, now: datetime) -> Mapping[str, Any]:
    look = outlook(change, now, calendar_use)
    return {
        "kind": change.kind,
        "name": change.name,
        "where": change.where,
        "owner": change.owner,
        "fields": {one.field: {"old": one.old, "new": one.new} for one in change.changes},
        "runs": {
            "days": DAYS,
            "added": look.added,
            "removed": look.removed,
            "first_added": look.first_new,
            "first_removed": look.first_gone,
            "cut": look.cut,
        },
    }


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_spelled)


def _spelled(value: Any) -> str:
    return str(value.isoformat())
