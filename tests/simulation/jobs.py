"""The definitions of a simulated world, what its jobs do, and what its operators ask for.

Operators write what ``scheduler.requests`` writes, with the simulated clock for the real one.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from scheduler.domain.edits import Editable, planned_anew
from scheduler.domain.schedules import Schedule, Window, parse_schedule
from scheduler.store.dialects import maybe_time, time_of, to_text
from tests.simulation.database import cluster_time
from tests.simulation.host import Behaviour

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass(slots=True)
class Version:
    """A schedule in force from an edit on, up to the next one."""

    since: datetime
    spec: dict[str, Any]
    enabled: bool = True
    replaced_at: datetime | None = None


@dataclass(slots=True)
class Job:
    """A definition and the behaviour of its runs."""

    definition_id: int
    concurrency: str
    max_parallel: int | None
    seconds: tuple[float, float]
    fails: float
    ignores_term: float
    ends_at: datetime
    start_cap: int | None = None
    versions: list[Version] = field(default_factory=list)
    hand_runs: list[str] = field(default_factory=list)

    @property
    def is_exclusive(self) -> bool:
        return self.concurrency in ("forbid", "replace")

    def schedule(self, version: Version) -> Schedule:
        return parse_schedule(version.spec, "UTC", Window(None, self.ends_at))

    def behave(self, random: Random) -> Behaviour:
        return Behaviour(
            seconds=random.uniform(*self.seconds),
            exit_code=1 if random.random() < self.fails else 0,
            heeds_term=random.random() >= self.ignores_term,
        )


def draw_spec(random: Random, now: datetime) -> dict[str, Any]:
    """An interval or a cron schedule that fires every few seconds up to each minute."""
    if random.random() < 0.6:
        anchor = now.replace(microsecond=0).isoformat()
        return {"kind": "interval", "seconds": random.choice([3, 5, 8, 15, 40]), "anchor": anchor}
    return {
        "kind": "cron",
        "expression": random.choice(["* * * * *", "*/10 * * * * *", "7,37 * * * * *"]),
    }


def draw_jobs(world: "World", count: int, ends_at: datetime) -> list[Job]:
    draw = _draw_long_job if world.scenario.only_long_runs else _draw_job
    jobs = [draw(world, number, ends_at) for number in range(1, count + 1)]
    for job in jobs if world.scenario.guarded else ():
        _guard(world, job)
    return jobs


def _guard(world: "World", job: Job) -> None:
    random = world.random
    job.start_cap = random.choice([None, 2, 4, 8])
    world.sql(
        """UPDATE scheduler_job_definition
           SET start_cap_per_minute = ?, retry_budget_per_hour = ?, quarantine_after_failures = ?
           WHERE id = ?""",
        (
            job.start_cap,
            random.choice([None, 3, 20]),
            random.choice([None, 1, 3]),
            job.definition_id,
        ),
    )


def _draw_long_job(world: "World", number: int, ends_at: datetime) -> Job:
    random, lease = world.random, world.config.lease_seconds
    job = Job(number, "allow", 3, (2.0 * lease, 9.0 * lease), 0.1, 0.8, ends_at)
    now = cluster_time(0.0)
    seconds = random.choice([8, 15, 20])
    spec = {"kind": "interval", "seconds": seconds, "anchor": now.isoformat()}
    policy = {
        "misfire_policy": "skip",
        "skip_late_after_seconds": 20,
        "kill_grace_seconds": random.choice([0.5, 3.0, 8.0]),
        "max_orphans": 50,
    }
    insert_job(world, job, spec, policy)
    return job


def _draw_job(world: "World", number: int, ends_at: datetime) -> Job:
    random, lease = world.random, world.config.lease_seconds
    concurrency = random.choice(["allow", "allow", "forbid", "replace"])
    seconds = random.choice([(0.1, 2.0), (0.1, 2.0), (2.0, 15.0), (0.5 * lease, 3.0 * lease)])
    job = Job(
        number,
        concurrency,
        random.choice([None, None, 1, 3]) if concurrency == "allow" else None,
        seconds,
        random.choice([0.0, 0.0, 0.3]),
        random.choice([0.0, 0.5]),
        ends_at,
    )
    spec = draw_spec(random, cluster_time(0.0))
    insert_job(world, job, spec, policies(random, seconds[1]))
    return job


def policies(random: Random, longest: float) -> dict[str, Any]:
    return {
        "misfire_policy": random.choice(["skip", "run_once", "run_all"]),
        "skip_late_after_seconds": random.choice([None, 20, 120]),
        "max_attempts": random.choice([1, 2, 3]),
        "backoff_seconds": random.choice([0.0, 1.0, 4.0]),
        "kill_grace_seconds": random.choice([0.5, 3.0, 8.0]),
        "timeout_seconds": random.choice([None, None, longest * 0.8]),
        "max_orphans": random.choice([2, 5]),
    }


def insert_job(world: "World", job: Job, spec: dict[str, Any], policy: dict[str, Any]) -> None:
    now = cluster_time(world.timeline.now)
    text = to_text(now)
    row = {
        "id": job.definition_id,
        "name": f"job-{job.definition_id}",
        "command_name": "noop",
        "schedule": json.dumps(spec),
        "concurrency_policy": job.concurrency,
        "max_parallel": job.max_parallel,
        "ends_at": to_text(job.ends_at),
        "edited_at": text,
        "schedule_since": text,
        "planned_until": text,
        "next_fire_at": text,
        **policy,
    }
    columns = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    world.sql(f"INSERT INTO scheduler_job_definition ({columns}) VALUES ({marks})", row)
    job.versions = [Version(now, spec)]


# ----------------------------------------------------------------------------------- operators


def edit(world: "World", job: Job, spec: dict[str, Any], *, enabled: bool = True) -> None:
    """A new schedule from now on."""
    now = cluster_time(world.timeline.now)
    changes = {"schedule": spec, "enabled": enabled, **planned_anew(_editable(world, job), now)}
    job.versions[-1].replaced_at = now
    job.versions.append(Version(now, spec, enabled))
    assigned = ", ".join(f"{column} = ?" for column in changes)
    world.sql(
        f"UPDATE scheduler_job_definition SET {assigned}, revision = revision + 1 WHERE id = ?",
        (*(_column(value) for value in changes.values()), job.definition_id),
    )
    world.ring("leader")


def _editable(world: "World", job: Job) -> Editable:
    ((schedule, enabled, ends_at, planned_until, next_fire_at, edited_at, superseded),) = world.sql(
        """SELECT schedule, enabled, ends_at, planned_until, next_fire_at, edited_at, superseded
           FROM scheduler_job_definition WHERE id = ?""",
        (job.definition_id,),
    )
    return SimpleNamespace(
        schedule=json.loads(schedule),
        timezone="UTC",
        starts_at=None,
        ends_at=time_of(ends_at),
        enabled=bool(enabled),
        planned_until=time_of(planned_until),
        next_fire_at=maybe_time(next_fire_at),
        edited_at=maybe_time(edited_at),
        superseded=json.loads(superseded),
        calendar_use=lambda: None,
    )


def _column(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    return json.dumps(value) if isinstance(value, dict | list) else value


def run_now(world: "World", job: Job) -> None:
    request, now = world.new_uuid(), to_text(cluster_time(world.timeline.now))
    job.hand_runs.append(f"m:{request}")
    world.sql(
        """INSERT INTO scheduler_run_request
           (id, kind, definition_id, slot_key, scheduled_for, requested_at)
           VALUES (?, 'run_now', ?, ?, ?, ?)""",
        (request.hex, job.definition_id, f"m:{request}", now, now),
    )
    world.ring("leader")


def cancel_some_run(world: "World") -> None:
    """Any open run, the longest open ones first."""
    world.sql(
        """UPDATE scheduler_job_run SET cancel_requested_at = ?, reason = 'CANCELED_BY_REQUEST'
           WHERE id = (SELECT id FROM scheduler_job_run WHERE finished_at IS NULL
                       AND cancel_requested_at IS NULL ORDER BY due_at LIMIT 1)""",
        (to_text(cluster_time(world.timeline.now)),),
    )
    world.ring("leader")


def set_paused(world: "World", *, paused: bool) -> None:
    """Pause or resume the cluster; a pause reaches also what was handed out ahead."""
    world.sql(
        "UPDATE scheduler_cluster SET paused = ?, hold_seq = hold_seq + 1 WHERE id = 1", (paused,)
    )
    world.ring("leader")


def set_desired(world: "World", node: str, desired: str) -> None:
    world.sql(
        "UPDATE scheduler_worker_lease SET desired = ? WHERE node_id = ? AND state = 'LIVE'",
        (desired, node),
    )
    world.ring("workers")


def degrade_leader(world: "World") -> None:
    world.sql("UPDATE scheduler_cluster SET degrade_requested = 1 WHERE id = 1", ())
    world.ring("leader")


def release_quarantines(world: "World") -> None:
    world.sql("UPDATE scheduler_job_definition SET quarantined_at = NULL, failures_in_row = 0", ())
    world.ring("leader")
