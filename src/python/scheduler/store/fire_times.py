"""The instants at which a definition fires, for those who ask before the planner does."""

from scheduler.domain.schedules import Schedule, Window, parse_schedule
from scheduler.models import JobDefinition


def schedule_of(definition: JobDefinition) -> Schedule | None:
    """Its schedule, calendar and bounds included; None when it runs by hand only.

    Raises InvalidSchedule."""
    if definition.schedule is None:
        return None
    window = Window(definition.starts_at, definition.ends_at)
    return parse_schedule(definition.schedule, definition.timezone, window)
