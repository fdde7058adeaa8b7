"""A cluster of real processes on one machine: servers, certificates, workers, web."""

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from scheduler_demo import evidence
from scheduler_demo.environment import (
    archive_environment,
    evidence_environment,
    project_environment,
)
from scheduler_demo.errors import DemoProblem
from scheduler_demo.layout import Layout
from scheduler_demo.ledger import Lease, Ledger
from scheduler_demo.seaweed import EmbeddedSeaweed
from scheduler_demo.services import EmbeddedPostgres, EmbeddedValkey, free_port, wait_until
from scheduler_demo.workers import MANAGE, WebProcess, WorkerProcess, check_port

DATABASE = "demo"
# Any free port: demos side by side must not meet in one range.
_WORKER_OPTIONS = ("--grpc-port", "0", "--queues", "default,heavy")
OnStep = Callable[[str, float], None]
"""Called when a step of the start is done, with its name and its seconds."""


class DemoCluster:
    """Starts everything in order, says how long each step took, stops it all in reverse.

    A context manager: ``with DemoCluster(layout, workers=3) as cluster``. ``web_port`` None starts
    no web process, 0 takes a free port. ``jobs`` names the sample jobs to load, None loads none.
    ``archive`` starts an object store, to which all logs of runs go. ``extra`` is added to every
    process's environment.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        workers: int = 3,
        database: str = "postgres",
        web_port: int | None = None,
        jobs: str | None = "all",
        burst: int = 0,
        archive: bool = False,
        leave_evidence: bool = True,
        extra: Mapping[str, str] | None = None,
        worker_options: Sequence[str] = (),
        postgres_options: Mapping[str, str] | None = None,
        on_step: OnStep = lambda name, seconds: None,
    ) -> None:
        self.layout, self._jobs, self._burst, self._on_step = layout, jobs, burst, on_step
        self._leave_evidence = leave_evidence
        self._extra, self._worker_options = dict(extra or {}), (*_WORKER_OPTIONS, *worker_options)
        self.hurry = threading.Event()
        self.postgres = (
            EmbeddedPostgres(layout.postgres, options=dict(postgres_options or {}))
            if database == "postgres"
            else None
        )
        self.valkey = EmbeddedValkey(layout.valkey, persistent=True)
        self.seaweed = EmbeddedSeaweed(layout.seaweed) if archive else None
        self.worker_count, self._web_port = workers, web_port
        self.workers: list[WorkerProcess] = []
        self.web: WebProcess | None = None

    def __enter__(self) -> Self:
        self.layout.make()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ----------------------------------------------------------------------------- the start

    def start(self) -> None:
        """Everything up and a leader elected, or DemoProblem with what failed."""
        if self._web_port:
            check_port(self._web_port)
        with ThreadPoolExecutor(1) as beside:
            seaweed = beside.submit(self.seaweed.start) if self.seaweed else None
            self._start_database()
            if seaweed is not None:
                with self._step("SeaweedFS (begun at once)"):
                    seaweed.result()
        if self._web_port is not None:
            with self._step("web"):
                self._start_web(self._web_port or free_port())
        with self._step(f"{self.worker_count} workers and a leader"):
            self.start_workers()

    def _start_database(self) -> None:
        if self.postgres is not None:
            with self._step("PostgreSQL"):
                self._start_postgres(self.postgres)
        with self._step("Valkey"):
            self.valkey.start()
        with self._step("certificates, tables, jobs"):
            self.prepare()

    @property
    def dsn(self) -> str:
        """The database's URL."""
        if self.postgres is None:
            return f"sqlite:///{self.layout.sqlite_file}"
        return self.postgres.dsn_of(DATABASE)

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the cluster finds in its environment."""
        marks = evidence_environment(self.layout) if self._leave_evidence else {}
        archive = archive_environment(self.seaweed) if self.seaweed else {}
        extra = {**marks, **archive, **self._extra}
        return project_environment(
            self.layout, database_url=self.dsn, redis_url=self.valkey.url, extra=extra
        )

    @property
    def ledger(self) -> Ledger:
        """The rows as they stand."""
        return Ledger(self.dsn)

    def evidence(self) -> list[evidence.Mark]:
        """What the sample jobs left behind since this cluster was started."""
        return evidence.read(self.layout.evidence)

    def manage(
        self, *arguments: str, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end, ``env`` over the cluster's environment. With
        ``check``, DemoProblem unless it exits 0."""
        done = subprocess.run(
            [*MANAGE, *arguments],
            env={**self.environment, **(env or {})},
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no output"]
            raise DemoProblem(f"{arguments[0]} failed (exit {done.returncode}): {lines[-1]}")
        return done

    def prepare(self) -> None:
        """Certificates where there are none yet, the tables, and the jobs."""
        wanted = self.jobs_to_load()
        load = ("--load", *wanted) if wanted else ()
        self.manage("sample_prepare", "--tls-dir", str(self.layout.tls), *load)

    def jobs_to_load(self) -> Sequence[str]:
        """Arguments for ``sample_load``; none: nothing is loaded."""
        return () if self._jobs is None else ("--jobs", self._jobs, "--burst", str(self._burst))

    def start_workers(self) -> None:
        """Start the workers side by side; returns when all have joined and one leads."""
        evidence.forget(self.layout.evidence)
        self.workers = [self.make_worker(number + 1) for number in range(self.worker_count)]
        for worker in self.workers:
            worker.start()
        if self.workers:
            self._await("joined the cluster", self._all_joined)

    def make_worker(self, number: int) -> WorkerProcess:
        """The worker of this number, not started."""
        environment = self.worker_environment(number)
        log_path = self.layout.logs / f"worker-{number}.log"
        return WorkerProcess(number, environment, log_path, self._worker_options)

    def worker_environment(self, number: int) -> dict[str, str]:
        """What the worker of this number finds in its environment."""
        return {**self.environment, "SCHEDULER_SPOOL_DIR": str(self.layout.spool(number))}

    def _all_joined(self) -> bool:
        pids = {lease.pid for lease in self.ledger.leases("LIVE")}
        return all(worker.pid in pids for worker in self.workers) and self.leader() is not None

    def _start_postgres(self, postgres: EmbeddedPostgres) -> None:
        postgres.start()
        if not postgres.has_database(DATABASE):
            postgres.create_database(DATABASE)

    def _start_web(self, port: int) -> None:
        self.web = WebProcess(port, self.environment, self.layout.logs / "web.log")
        self.web.start()
        self._await("answered at /healthz", self.web.answers)

    def _await(self, what: str, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        met = wait_until(lambda: bool(self.dead()) or condition(), seconds)
        for name, tail in self.dead():
            raise DemoProblem(f"{name} ended before it {what}: {tail or 'it wrote nothing'}")
        if not met:
            raise DemoProblem(
                f"Not all processes {what} within {seconds:.0f} s; see {self.layout.logs}."
            )

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._on_step(name, time.monotonic() - began)

    # ------------------------------------------------------------------------------ the watch

    def dead(self) -> list[tuple[str, str]]:
        """Processes that were started and have ended, by name, with the end of their log."""
        parts = [(f"Worker {w.number}", w.process) for w in self.workers if w.started]
        if self.web is not None and self.web.process is not None:
            parts.append(("The web process", self.web.process))
        found = [(name, part.log_tail(1)) for name, part in parts if not part.running]
        all_servers = (self.postgres, self.valkey, self.seaweed)
        servers = [server for server in all_servers if server and server.started]
        return found + [(s.name, str(s.log_path)) for s in servers if not s.running]

    def leader(self) -> WorkerProcess | None:
        """The worker that leads, by the RDB; None while nobody does or its process is gone."""
        leadership = self.ledger.leadership()
        if leadership.leader is None or leadership.released:
            return None
        return self._process_of(leadership.leader)

    def subleader(self) -> WorkerProcess | None:
        """The designated successor, by the RDB."""
        subleader = self.ledger.leadership().subleader
        return self._process_of(subleader) if subleader else None

    def lease_of(self, worker: WorkerProcess) -> Lease | None:
        """The newest lease row of a worker's present process."""
        leases = [lease for lease in self.ledger.leases() if lease.pid == worker.pid]
        return leases[-1] if leases else None

    def _process_of(self, worker_id: str) -> WorkerProcess | None:
        pids = {lease.worker_id: lease.pid for lease in self.ledger.leases()}
        running = (w for w in self.workers if w.running and w.pid == pids.get(worker_id))
        return next(running, None)

    # ------------------------------------------------------------------------------- the stop

    def stop(self, *, grace_seconds: float = 60.0) -> None:
        """Stop web, workers (they drain), the servers. With ``hurry`` set, workers get a
        second SIGTERM and, two seconds later, SIGKILL."""
        if self.web is not None and self.web.process is not None:
            self.web.process.stop(grace_seconds=5.0)
        self.stop_workers(grace_seconds=grace_seconds)
        with ThreadPoolExecutor(1) as beside:
            if self.seaweed is not None:
                # Side by side: it takes two seconds.
                beside.submit(self.seaweed.close)
            self.valkey.close()
            if self.postgres is not None:
                self.postgres.close()

    def stop_workers(self, *, grace_seconds: float = 60.0) -> None:
        """SIGTERM to all, then wait; what still runs after the grace is killed."""
        for worker in self.workers:
            worker.resume()
            worker.terminate()
        wait_until(lambda: self.hurry.is_set() or not self._any_running(), grace_seconds)
        if self._any_running():
            for worker in self.workers:
                worker.terminate()
            wait_until(lambda: not self._any_running(), 2.0)
        for worker in self.workers:
            if worker.started:
                worker.process.stop(signal.SIGKILL)

    def _any_running(self) -> bool:
        return any(worker.running for worker in self.workers)
