"""Real workers on real PostgreSQL and Valkey, with clocks short enough for tests.

``Cluster`` is the demo's own cluster with a timetable of the test's making, and with questions
that tests ask: who leads, what did the jobs leave behind, was every slot run once.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from scheduler_demo.audit import Findings, audit
from scheduler_demo.chains import unfollowed
from scheduler_demo.cluster import DATABASE, DemoCluster
from scheduler_demo.evidence import Mark
from scheduler_demo.layout import Layout
from scheduler_demo.ledger import OPEN_STATES, Run
from scheduler_demo.services import wait_until
from scheduler_demo.workers import WorkerProcess
from tests.e2e.lines import Line

SHORT_LEASES = {
    "SCHEDULER_HEARTBEAT_INTERVAL_SECONDS": "0.5",
    "SCHEDULER_LEASE_RENEW_INTERVAL_SECONDS": "0.5",
    # Near the defaults: a machine that many tests share stops a leader for a second at times, and
    # that is no reason for another.
    "SCHEDULER_LEADER_LOCK_TTL_SECONDS": "3",
    "SCHEDULER_LEADER_STALE_SECONDS": "3.5",
    "SCHEDULER_LEADER_TRUST_SECONDS": "5",
    "SCHEDULER_KILL_GRACE_SECONDS": "1",
    "SCHEDULER_RUN_LEASE_SECONDS": "6",
    "SCHEDULER_RUN_LEASE_MARGIN_SECONDS": "2.5",
    "SCHEDULER_CONTINUATION_CONFIRM_SECONDS": "1",
    "SCHEDULER_ASSIGN_AHEAD_SECONDS": "2",
    "SCHEDULER_REASSIGN_ASSIGNED_AFTER_SECONDS": "3",
}
FORK_SERVER_TITLE = "fork server"
LEASE_AND_MARGIN_SECONDS = 6 + 2.5


class Cluster(DemoCluster):
    """``with Cluster(folder, [job("tick", "noop", every(1))]) as cluster: ...``

    ``workers[i].kill() / suspend() / resume() / terminate() / start()``, ``valkey`` and
    ``postgres`` with ``kill``, ``restart``, ``suspend``, and ``valkey.restart_empty``.
    """

    def __init__(
        self,
        folder: Path,
        jobs: Sequence[Mapping[str, Any]],
        *,
        workers: int = 3,
        database: str = "postgres",
        web_port: int | None = None,
        settings: Mapping[str, str] | None = None,
        lines: bool = False,
    ) -> None:
        """With ``lines`` each worker reaches the servers over lines of its own (see ``cut``)."""
        super().__init__(
            Layout(folder),
            workers=workers,
            database=database,
            web_port=web_port,
            jobs=None,
            extra={**SHORT_LEASES, **(settings or {})},
            postgres_options={"fsync": "off"},
        )
        self._definitions, self._with_lines = list(jobs), lines
        self._lines: dict[int, tuple[Line, Line]] = {}
        self.began = datetime.now(UTC)

    def jobs_to_load(self) -> Sequence[str]:
        """The definitions that the workers find when they come up."""
        return self._loading(self._definitions)

    def start_workers(self) -> None:
        self.began = datetime.now(UTC)
        super().start_workers()

    def worker_environment(self, number: int) -> dict[str, str]:
        """With ``lines``, the servers' addresses are those of the worker's own lines."""
        environment = super().worker_environment(number)
        if not self._with_lines:
            return environment
        assert self.postgres is not None
        rdb, redis = self._lines[number] = Line(self.postgres.socket), Line(self.valkey.socket)
        environment["DATABASE_URL"] = f"postgresql://postgres@127.0.0.1:{rdb.port}/{DATABASE}"
        environment["SCHEDULER_REDIS_URL"] = f"redis://127.0.0.1:{redis.port}/0"
        return environment

    def cut(self, worker: WorkerProcess, *, rdb: bool = False, redis: bool = False) -> None:
        """Let a worker's packets to these servers vanish, until ``mend``."""
        to_rdb, to_redis = self._lines[worker.number]
        for line, wanted in ((to_rdb, rdb), (to_redis, redis)):
            if wanted:
                line.cut()

    def mend_lines(self) -> None:
        """All lines work again."""
        for line in (line for pair in self._lines.values() for line in pair):
            line.mend()

    def stop(self, *, grace_seconds: float = 60.0) -> None:
        """Also closes the lines."""
        self.mend_lines()
        super().stop(grace_seconds=grace_seconds)
        for line in (line for pair in self._lines.values() for line in pair):
            line.close()

    def define(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Load definitions (see ``job``)."""
        self.manage("sample_load", *self._loading(jobs))

    def _loading(self, jobs: Iterable[Mapping[str, Any]]) -> Sequence[str]:
        path = self.layout.root / "jobs.json"
        self.write_definitions(path, jobs)
        return ("--file", str(path))

    def write_definitions(self, path: Path, jobs: Iterable[Mapping[str, Any]]) -> None:
        """A file for ``sample_load --file``."""
        path.write_text(json.dumps(list(jobs)))

    def mend(self) -> None:
        """Start what was killed, and wait until all are live and the roles are filled."""
        self.mend_lines()
        for worker in self.workers:
            worker.resume()
            if not worker.running:
                worker.start()
        self.wait_until(lambda: all(map(self.is_live, self.workers)), "all workers live", 40.0)
        self.the_leader()
        if len(self.workers) > 1:
            self.the_subleader()

    def begin_window(self) -> None:
        """The next audit looks at slots due from now on."""
        self.began = datetime.now(UTC)

    # ---------------------------------------------------------------------------- looking

    def runs(self, name: str | None = None) -> list[Run]:
        """Rows of the ledger, of one job or of all."""
        ids = {d.id for d in self.ledger.definitions() if name in (None, d.name)}
        return [run for run in self.ledger.runs() if run.definition_id in ids]

    def marks(self, kind: str, *, job: str | None = None) -> list[Mark]:
        """Evidence of one kind, of one job or of all."""
        return [m for m in self.evidence() if m.kind == kind and job in (None, m.job)]

    @property
    def epoch(self) -> int:
        return self.ledger.leadership().epoch

    def the_leader(self) -> WorkerProcess:
        """The leader; waits for one."""
        self.wait_until(lambda: self.leader() is not None, "a leader")
        leader = self.leader()
        assert leader is not None
        return leader

    def the_subleader(self) -> WorkerProcess:
        """The SubLeader; waits for one."""
        self.wait_until(lambda: self.subleader() is not None, "a SubLeader")
        subleader = self.subleader()
        assert subleader is not None
        return subleader

    def a_follower(self) -> WorkerProcess:
        """A worker that neither leads nor is next (waits for both roles to be filled)."""
        taken = {self.the_leader().number, self.the_subleader().number}
        return next(w for w in self.workers if w.running and w.number not in taken)

    def is_live(self, worker: WorkerProcess) -> bool:
        """Whether the worker's present process has a live lease."""
        lease = self.lease_of(worker)
        return worker.running and lease is not None and lease.state == "LIVE"

    def worker_id(self, worker: WorkerProcess) -> str | None:
        """The name under which the worker's process is known now."""
        lease = self.lease_of(worker)
        return lease.worker_id if lease else None

    def fork_server_of(self, worker: WorkerProcess) -> psutil.Process:
        """The process that forks the worker's runs."""
        family = psutil.Process(worker.pid).children(recursive=True)
        return next(p for p in family if FORK_SERVER_TITLE in " ".join(p.cmdline()))

    # ---------------------------------------------------------------------------- waiting

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Poll until it holds; fail with ``what`` was awaited and who said what. The time is
        generous: a busy machine is no failure."""
        if wait_until(lambda: _quietly(condition), seconds):
            return
        tails = "\n".join(f"{w.node_id}: {w.process.log_tail(3)}" for w in self.workers)
        raise AssertionError(f"in {seconds:.0f} s there was not: {what}\n{tails}")

    def wait_for_starts(self, number: int, *, epoch_after: int = 0, seconds: float = 60.0) -> None:
        """Wait for so many more starts of jobs, assigned by an epoch later than the given one."""

        def starts() -> int:
            return sum(mark.epoch > epoch_after for mark in self.marks("start"))

        wanted = starts() + number
        what = f"{number} starts after epoch {epoch_after}"
        self.wait_until(lambda: starts() >= wanted, what, seconds)

    def wait_for_work(self) -> tuple[WorkerProcess, Run]:
        """A run of the job ``work`` that is under way, and the worker (not the leader) that has
        it. Which worker that is, the assigner decides."""
        leader = self.the_leader().number
        followers = [worker for worker in self.workers if worker.number != leader]

        def found() -> list[tuple[WorkerProcess, Run]]:
            return [(worker, run) for worker in followers for run in self._work_on(worker)]

        self.wait_until(lambda: bool(found()), "work on a follower")
        return found()[-1]

    def _work_on(self, worker: WorkerProcess) -> list[Run]:
        begun = {mark.run_id for mark in self.marks("start", job="work")}
        name = self.worker_id(worker)
        mine = [run for run in self.runs("work") if run.worker_id == name]
        return [run for run in mine if run.state == "RUNNING" and str(run.id) in begun]

    @contextmanager
    def work_held(self, at: Callable[[Run], bool] = lambda run: True) -> Iterator[Run]:
        """A run of ``work`` that is as far as ``at`` says. Its process stands still meanwhile,
        so that the run is under way for as long as the test looks, and goes on afterwards."""
        held: list[tuple[Run, psutil.Process]] = []

        def hold() -> bool:
            pids = {mark.run_id: mark.pid for mark in self.marks("start", job="work")}
            runs = [run for worker in self.workers for run in self._work_on(worker) if at(run)]
            for run in runs:
                with suppress(psutil.NoSuchProcess):
                    process = psutil.Process(pids[str(run.id)])
                    process.suspend()
                    if str(run.id) not in {mark.run_id for mark in self.marks("end", job="work")}:
                        held.append((run, process))
                        return True
                    process.resume()
            return False

        self.wait_until(hold, "work that can be held")
        ((run, process),) = held
        try:
            yield run
        finally:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def wait_for_new_leader(self, epoch: int, seconds: float = 60.0) -> WorkerProcess:
        """Wait until a living worker leads under a later epoch."""
        self.wait_until(
            lambda: self.epoch > epoch and self.leader() is not None, "a new leader", seconds
        )
        return self.the_leader()

    # ---------------------------------------------------------------------------- judging

    def audit(self, *, settle_seconds: float = 90.0) -> Findings:
        """Wait for the runs of all slots due so far to end, then audit them."""
        until = datetime.now(UTC)
        self.wait_until(lambda: self._settled(until), "an end of all runs", settle_seconds)
        marks = self.evidence()
        ledger = self.ledger
        return audit(
            ledger.definitions(),
            ledger.runs(),
            marks,
            since=self.began,
            until=until,
            dependencies=ledger.dependencies(),
        )

    def assert_all_slots_ran_once(self) -> Findings:
        """The audit is clean, and there was something to audit."""
        findings = self.audit()
        assert findings.due > 0
        assert findings.lost == () and findings.doubled == ()
        assert findings.not_audited == ()
        return findings

    def _settled(self, until: datetime) -> bool:
        definitions, runs = self.ledger.definitions(), self.ledger.runs()
        window = [run for run in runs if self.began < run.scheduled_for <= until]
        if any(_is_to_end(run) for run in window):
            return False
        return not unfollowed(definitions, runs, self.ledger.dependencies(), self.began, until)


def _is_to_end(run: Run) -> bool:
    """What waits for an upstream ends when that does, which may be never."""
    if run.state == "PENDING" and run.reason == "WAIT_UPSTREAM":
        return False
    return run.state in OPEN_STATES or run.retry_pending


def job(
    name: str, command: str, schedule: Mapping[str, Any] | None, **fields: Any
) -> dict[str, Any]:
    """A definition in UTC, never quarantined; ``fields`` are JobDefinition's."""
    basics = {"name": name, "command_name": command, "schedule": schedule, "timezone": "UTC"}
    return {**basics, "kill_grace_seconds": 1.0, "max_orphans": 100, **fields}


def every(seconds: int) -> dict[str, Any]:
    """A schedule each so many seconds, anchored at a whole minute."""
    anchor = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    return {"kind": "interval", "seconds": seconds, "anchor": anchor.isoformat()}


def once(in_seconds: float) -> dict[str, Any]:
    """A schedule with one slot, so many seconds from now (rounded down to a whole second)."""
    return {"kind": "once", "at": (datetime.now(UTC) + timedelta(seconds=in_seconds)).isoformat()}


def _quietly(condition: Callable[[], bool]) -> bool:
    """A database that is away answers no question: not yet."""
    import sqlite3

    import psycopg

    try:
        return condition()
    except (psycopg.Error, sqlite3.Error):
        return False
