"""The triggers of jobs, as they are written."""

from collections.abc import Iterable
from typing import Any

from scheduler.models import EventTrigger


def triggers_of(definition_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """By definition, its triggers in order, as ``requests.set_triggers`` takes them. Definitions
    without triggers are left out. Raises InvalidTrigger for a row that no request wrote."""
    rows = EventTrigger.objects.filter(definition_id__in=list(definition_ids))
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows.order_by("definition_id", "position"):
        found.setdefault(row.definition_id, []).append(row.as_trigger().as_json())
    return found
