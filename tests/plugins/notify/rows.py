"""Jobs and runs as rows, for what the plugin asks the core's queries."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from scheduler.models import JobDefinition, JobRun, JobRunDetail
from tests.plugins.notify.builders import NOON

FINISHED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ORPHANED", "SKIPPED", "CANCELED"}


def job(name: str = "nightly", **fields: Any) -> int:
    made = JobDefinition.objects.create(
        name=name, command_name="noop", timezone="Asia/Tokyo", **fields
    )
    return int(made.pk)


def run(definition_id: int, state: str = "FAILED", **fields: Any) -> UUID:
    """A run; later ones have greater ids."""
    explanation = fields.pop("explanation", "")
    key = uuid7()
    values = {
        "slot_key": f"t:{key}",
        "scheduled_for": NOON,
        "due_at": NOON,
        "finished_at": NOON + timedelta(minutes=1) if state in FINISHED else None,
        **fields,
    }
    JobRun.objects.create(id=key, definition_id=definition_id, state=state, **values)
    if explanation:
        JobRunDetail.objects.create(run_id=key, error=explanation)
    return key
