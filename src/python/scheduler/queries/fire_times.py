"""When a job would run: of one that is saved, and of fields that are not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduler.domain.schedules import with_anchor
from scheduler.models import JobDefinition
from scheduler.queries import preview
from scheduler.queries.preview import FireTime
from scheduler.store.clock import rdb_now


@dataclass(frozen=True, slots=True)
class FireTimes:
    """``times``: the instants (aware UTC, in order) at which a job runs; ``slots``: those and the
    ones that its calendar skips, each with what the calendar did; and the schedule in words.

    All empty for a job that runs by hand only."""

    times: tuple[datetime, ...]
    slots: tuple[FireTime, ...]
    words: str
    clock_change_rule: str


def fire_times(
    definition: JobDefinition, count: int, *, after: datetime | None = None, lang: str = "en"
) -> FireTimes:
    """The first ``count`` slots after an instant (now), whether the job is enabled or not.

    Raises InvalidSchedule, CalendarNotFound, InvalidCalendar."""
    schedule = definition.parsed_schedule()
    if schedule is None:
        return FireTimes((), (), "", "")
    slots = tuple(preview.fire_times(schedule, after or rdb_now(), count, lang))
    return FireTimes(
        tuple(slot.at for slot in slots if slot.runs),
        slots,
        schedule.describe(lang),
        schedule.clock_change_rule(lang),
    )


def unsaved(fields: Mapping[str, Any]) -> JobDefinition:
    """A definition that is in no table, checked as if it were to be saved.

    Raises django's ValidationError by field. Only ``fields`` are checked, and that the schedule
    can be understood."""
    definition = JobDefinition(name="preview", command_name="preview", **fields)
    if isinstance(definition.schedule, dict):
        definition.schedule = with_anchor(definition.schedule, rdb_now())
    others = [field.name for field in definition._meta.fields if field.name not in fields]
    definition.clean_fields(exclude=others)
    definition.clean()
    return definition
