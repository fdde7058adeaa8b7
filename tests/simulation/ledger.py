"""The books at the end of a simulation: every slot exactly once, every run ended, retries once.

What was due is computed here from the schedules and their edits alone.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from scheduler.domain.planning import slot_key
from scheduler.domain.values import FINISHED_STATES
from tests.simulation.auditor import PromiseBroken, brief
from tests.simulation.jobs import Job, Version

if TYPE_CHECKING:
    from tests.simulation.world import World

OLD_SLOTS_RUN_ON = timedelta(minutes=15)
"""A run of the old schedule that had started when the leader saw the edit is kept."""


def open_rows(world: "World") -> int:
    """Rows that still have something to come."""
    rows = world.sql(
        """SELECT (SELECT count(*) FROM scheduler_job_run
                   WHERE finished_at IS NULL OR retry_due_at IS NOT NULL)
                + (SELECT count(*) FROM scheduler_run_request WHERE handled_at IS NULL)
                + (SELECT count(*) FROM scheduler_job_definition WHERE next_fire_at IS NOT NULL)""",
        (),
    )
    return int(rows[0][0])


def check(world: "World") -> None:
    """Raises PromiseBroken with all that is wrong with the books."""
    findings = [
        *_open_runs(world),
        *_retries(world),
        *_outcomes(world),
        *(finding for job in world.jobs for finding in _slots(world, job)),
        *(finding for job in world.jobs for finding in _hand_runs(world, job)),
        *_starts(world),
    ]
    if findings:
        raise PromiseBroken("at the end: " + "; ".join(findings[:8]))


def _open_runs(world: "World") -> list[str]:
    rows = world.sql(
        """SELECT id, state, worker_id, reason FROM scheduler_job_run
           WHERE finished_at IS NULL OR retry_due_at IS NOT NULL""",
        (),
    )
    return [f"run {brief(UUID(row[0]))} is still {row[1]} ({row[2]}, {row[3]})" for row in rows]


def _retries(world: "World") -> list[str]:
    """An attempt follows exactly one finished attempt, and each promised one came."""
    rows = world.sql(
        """SELECT r.id, r.definition_id, r.slot_key, r.attempt, r.retry_of, p.id, p.attempt,
                  p.state FROM scheduler_job_run AS r
           LEFT JOIN scheduler_job_run AS p ON p.id = r.retry_of WHERE r.attempt > 1""",
        (),
    )
    wrong = [
        f"attempt {row[3]} of slot {row[2]} follows attempt {row[6]} ({row[7]})"
        for row in rows
        if row[6] != row[3] - 1 or row[7] not in FINISHED_STATES
    ]
    followers = Counter(row[4] for row in rows)
    wrong += [
        f"run {brief(UUID(run))} was retried {n} times" for run, n in followers.items() if n > 1
    ]
    promised = {run.hex for run in world.auditor.promised_retries}
    wrong += [f"run {brief(UUID(run))} was not retried" for run in promised - set(followers)]
    wrong += [f"run {brief(UUID(run))} was retried unasked" for run in set(followers) - promised]
    return wrong


def _outcomes(world: "World") -> list[str]:
    """The last word on a slot that says how its run ended is about a run that was tried."""
    rows = world.sql(
        """SELECT r.id, r.state, r.reason FROM scheduler_job_run AS r
           WHERE r.state IN ('SUCCEEDED', 'FAILED', 'TIMED_OUT')
             AND r.cancel_requested_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM scheduler_job_run AS n WHERE n.retry_of = r.id)""",
        (),
    )
    return [
        f"run {brief(UUID(row[0]))} is {row[1]} ({row[2]}) for good, but never had a process"
        for row in rows
        if UUID(row[0]) not in world.auditor.started
    ]


def _slots(world: "World", job: Job) -> list[str]:
    rows = world.sql(
        """SELECT scheduled_for, scheduled_until, slot_count, slot_key FROM scheduler_job_run
           WHERE definition_id = ? AND attempt = 1 AND substr(slot_key, 1, 2) = 't:'""",
        (job.definition_id,),
    )
    covered: Counter[datetime] = Counter()
    findings = []
    for first, last, count, key in rows:
        slots = _slots_of(job, _time(first), _time(last or first))
        if slot_key(_time(first)) != key or len(slots) != count:
            findings.append(f"row {key} of job {job.definition_id} counts {count}: {len(slots)}")
        covered.update(slots)
    required, allowed = _due(job)
    name = f"of job {job.definition_id}"
    findings += [f"slot {s} {name} is lost" for s in sorted(required - set(covered))]
    findings += [f"slot {s} {name} was never due" for s in sorted(set(covered) - allowed)]
    findings += [f"slot {s} {name} has {n} rows" for s, n in covered.items() if n > 1]
    return findings


def _slots_of(job: Job, first: datetime, last: datetime) -> list[datetime]:
    """The slots from ``first`` to ``last``, by the version that was in force then."""
    if first == last:
        return [first]
    version = max((v for v in job.versions if v.since < first), key=lambda v: v.since)
    return job.schedule(version).between(first - timedelta(microseconds=1), last, 100_000)


def _due(job: Job) -> tuple[set[datetime], set[datetime]]:
    """The slots that must have a row, and those that may."""
    required: set[datetime] = set()
    allowed: set[datetime] = set()
    for version in job.versions:
        if version.enabled:
            required |= _between(job, version, version.since, version.replaced_at or job.ends_at)
            until = (version.replaced_at or job.ends_at) + OLD_SLOTS_RUN_ON
            allowed |= _between(job, version, version.since, until)
    return required, allowed | required


def _between(job: Job, version: Version, since: datetime, until: datetime) -> set[datetime]:
    return set(job.schedule(version).between(since, until, 100_000)) if until > since else set()


def _hand_runs(world: "World", job: Job) -> list[str]:
    rows: list[Any] = world.sql(
        """SELECT slot_key FROM scheduler_job_run
           WHERE definition_id = ? AND attempt = 1 AND substr(slot_key, 1, 2) = 'm:'""",
        (job.definition_id,),
    )
    found = Counter(row[0] for row in rows)
    lost = [f"the run asked for by {key} is lost" for key in job.hand_runs if key not in found]
    return lost + [f"{key} made {n} runs" for key, n in found.items() if n > 1]


def _starts(world: "World") -> list[str]:
    """In no minute did more runs start than a cap says."""
    rows = world.sql(
        """SELECT definition_id, started_at FROM scheduler_job_run
           WHERE started_at IS NOT NULL ORDER BY started_at""",
        (),
    )
    caps: list[tuple[str, int | None, int | None]] = [
        (f"job {job.definition_id}", job.start_cap, job.definition_id) for job in world.jobs
    ]
    caps.append(("the cluster", world.config.start_cap_per_minute, None))
    findings = []
    for name, cap, definition_id in caps:
        begun = [_time(row[1]) for row in rows if definition_id in (None, row[0])]
        for first, late in zip(begun, begun[cap:], strict=False) if cap else ():
            if late - first < timedelta(seconds=60):
                findings.append(f"{name} started more than {cap} runs from {first} to {late}")
    return findings


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
