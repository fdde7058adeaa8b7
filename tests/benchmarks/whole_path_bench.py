"""What the benchmarks of the whole path share: a cluster to measure, meters, and how to report.

A cluster is PostgreSQL (fsync on), Valkey, mTLS and real ``scheduler_worker`` processes. Where wall
time would be noise the meters count CPU seconds: of every process below a worker (itself, launcher,
fork server, runs), and of PostgreSQL and Valkey apart.
"""

import json
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from scheduler_demo.cluster import DemoCluster
from scheduler_demo.evidence import Mark
from scheduler_demo.layout import Layout
from scheduler_demo.services import wait_until
from scheduler_demo.workers import MANAGE

POSTGRES_OPTIONS = {"shared_preload_libraries": "pg_stat_statements", "track_activities": "on"}
OUR_OWN = "whole_path"
"""application_name of the benchmark's own connections: their statements are not counted."""


@dataclass(frozen=True)
class Report:
    """One measurement: rows for people, ``figures`` for machines."""

    name: str
    rows: Sequence[tuple[str, str]]
    figures: Mapping[str, Any] = field(default_factory=dict)

    def print(self) -> None:
        width = max(len(label) for label, _ in self.rows)
        print(f"\n{self.name}")
        for label, value in self.rows:
            print(f"  {label:<{width}}  {value}")


class BenchCluster(DemoCluster):
    """A demo cluster with definitions of the benchmark's own making."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        evidence: bool = False,
        web_port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            Layout(folder),
            workers=workers,
            web_port=web_port,
            jobs=None,
            leave_evidence=evidence,
            extra=dict(settings or {}),
            postgres_options=POSTGRES_OPTIONS,
        )

    def define(self, jobs: Sequence[Mapping[str, Any]]) -> None:
        """Make definitions as a person would, by requests."""
        path = self.layout.root / "jobs.json"
        path.write_text(json.dumps(list(jobs)))
        self.manage("sample_load", "--file", str(path))

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """One statement on a connection of the benchmark's own."""
        with psycopg.connect(self.dsn, autocommit=True, application_name=OUR_OWN) as connection:
            cursor = connection.execute(text, values)
            return list(cursor.fetchall()) if cursor.description else []

    def ring(self, topic: str) -> None:
        """Ring the cluster's bell, as every request does."""
        with redis.Redis.from_url(self.valkey.url) as client:
            client.publish(f"scheduler:bell:{topic}", "")

    def settle(self, seconds: float = 3.0) -> None:
        """Wait until all have joined, a successor is named, and the start's work is over."""
        wait_until(lambda: self.subleader() is not None or self.worker_count < 2, 15.0)
        time.sleep(seconds)

    def finished(self) -> int:
        """Runs with an outcome."""
        return int(
            self.sql("SELECT count(*) FROM scheduler_job_run WHERE finished_at > '1970-1-1'")[0][0]
        )

    def outcomes(self) -> dict[str, int]:
        """Runs by state."""
        return dict(self.sql("SELECT state, count(*) FROM scheduler_job_run GROUP BY state"))

    def request_runs(self, job: str, count: int) -> None:
        """Ask for runs of a job, all in one statement, and ring the leader."""
        self.sql(
            """
            INSERT INTO scheduler_run_request (id, definition_id, slot_key, scheduled_for)
            SELECT n.id, d.id, 'm:' || n.id, clock_timestamp()
            FROM scheduler_job_definition AS d,
                 (SELECT gen_random_uuid() AS id FROM generate_series(1, %s)) AS n
            WHERE d.name = %s
            """,
            count,
            job,
        )
        self.ring("leader")

    def start_statement_count(self) -> None:
        self.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        self.sql("SELECT pg_stat_statements_reset()")

    def statements(self) -> list[tuple[int, float, str]]:
        """Since the reset: (calls, milliseconds in all, text), the most often called first."""
        return [
            (int(calls), float(took), " ".join(text.split()))
            for calls, took, text in self.sql(
                """
                SELECT s.calls, s.total_exec_time, s.query FROM pg_stat_statements AS s
                JOIN pg_database AS d ON d.oid = s.dbid AND d.datname = current_database()
                WHERE s.query !~* 'pg_stat_statements|generate_series|count|FROM ONLY'
                ORDER BY s.calls DESC
                """
            )
        ]


@contextmanager
def cluster(
    *,
    workers: int = 3,
    evidence: bool = False,
    web_port: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[BenchCluster]:
    """A settled cluster in a folder of its own, removed after."""
    # A short path: those of Unix sockets are limited.
    folder = Path(tempfile.mkdtemp(prefix="whole-path-"))
    try:
        with BenchCluster(
            folder, workers=workers, evidence=evidence, web_port=web_port, settings=settings
        ) as made:
            made.settle()
            yield made
            complaints = [line for worker in made.workers for line in worker.complaints()]
            assert not complaints, complaints[:3]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Cpu:
    """CPU seconds, user and system, of a cluster's processes with all that they have reaped."""

    workers: float
    postgres: float
    valkey: float

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(
            self.workers - before.workers,
            self.postgres - before.postgres,
            self.valkey - before.valkey,
        )


def cpu_of(made: BenchCluster) -> Cpu:
    """The CPU seconds so far."""
    assert made.postgres is not None
    return Cpu(
        sum(family_cpu(worker.pid) for worker in made.workers),
        family_cpu(made.postgres.pid),
        family_cpu(made.valkey.pid),
    )


def family_cpu(pid: int) -> float:
    """CPU seconds of a process and its living descendants, with those they have reaped."""
    root = psutil.Process(pid)
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def cold_command(made: BenchCluster, name: str, times: int) -> list[float]:
    """CPU seconds of each of several cold ``python manage.py NAME`` in the cluster's project."""
    return [_cold(made, name) for _ in range(times)]


def _cold(made: BenchCluster, name: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*MANAGE, name], env=made.environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def lateness_ms(marks: Sequence[Mark], jobs: str = "") -> list[float]:
    """From the slot's instant to the mark that the job's own process made first, sorted."""
    return sorted(
        (mark.clock - datetime.fromisoformat(mark.scheduled_for).timestamp()) * 1000
        for mark in marks
        if mark.kind == "start" and mark.job.startswith(jobs)
    )


def spread(values: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and max of sorted values, nearest rank, rounded to a tenth."""
    ranks = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}
    return {
        name: round(values[min(len(values) - 1, max(0, round(rank * len(values)) - 1))], 1)
        for name, rank in ranks.items()
    }


def shown(values: Mapping[str, float], unit: str = "ms") -> str:
    return ", ".join(f"{name} {value:g} {unit}" for name, value in values.items())


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
