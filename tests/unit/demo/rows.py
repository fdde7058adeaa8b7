"""A job each ten seconds, and the rows of half a minute in which all went well."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduler_demo.ledger import Definition, Run

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
END = START + timedelta(seconds=30)
JOB = Definition(
    id=1,
    name="tick",
    schedule={"kind": "cron", "expression": "*/10 * * * * *"},
    timezone="UTC",
    enabled=True,
    since=START - timedelta(days=1),
    starts_at=None,
    ends_at=None,
)


def a_run(number: int, seconds: int, **changes) -> Run:
    slot = START + timedelta(seconds=seconds)
    run = Run(
        id=UUID(int=number),
        definition_id=1,
        slot_key=f"t:{slot.isoformat()}",
        attempt=1,
        state="SUCCEEDED",
        reason="",
        scheduled_for=slot,
        scheduled_until=None,
        due_at=slot,
        worker_id="w",
        assign_seq=1 << 32,
        started_at=slot,
        finished_at=slot,
    )
    return replace(run, **changes)


GOOD = [a_run(1, 10), a_run(2, 20), a_run(3, 30)]
