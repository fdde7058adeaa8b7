"""What a leader's tick costs with 100,000 definitions of which ten are due, against one with 100.

The planner over the real store on PostgreSQL, without processes: the look at what there is to do,
the ten rows planned and their cursors moved, in one tick.
"""

import io
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from uuid_utils.compat import uuid7

from scheduler.plugin_api.logs import configure_logging
from scheduler.runtime.clock import SystemClock
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Term
from scheduler.runtime.planner import Planner
from scheduler.store.cluster import SqlClusterStore
from scheduler.store.connections import database_from_url
from scheduler.store.leader import SqlLeaderStore
from scheduler_demo.environment import project_environment
from scheduler_demo.layout import Layout
from scheduler_demo.services import EmbeddedPostgres
from scheduler_demo.workers import MANAGE
from tests.benchmarks.whole_path_bench import Report, shown, spread

SMALL, LARGE, DUE, TICKS = 100, 100_000, 10, 100
GOAL_RATIO = 2.0


def measure(large: int = LARGE) -> Report:
    """The two sizes in turns, on databases of one server."""
    configure_logging(stream=io.StringIO())
    with (
        tempfile.TemporaryDirectory(prefix="whole-path-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        small_bench, large_bench = _Bench(server, folder, SMALL), _Bench(server, folder, large)
        for bench in (small_bench, large_bench):
            bench.ticks(10)
        for _ in range(4):
            for bench in (small_bench, large_bench):
                bench.measured(TICKS // 4)
        for bench in (small_bench, large_bench):
            bench.close()
    small, big = small_bench.figures(), large_bench.figures()
    ratio, wall = big["cpu_ms"] / small["cpu_ms"], big["wall_ms"]["p50"] / small["wall_ms"]["p50"]
    return Report(
        f"A leader's tick, {DUE} definitions due",
        [
            (f"{count:,} definitions", f"{f['cpu_ms']:.2f} ms CPU, wall {shown(f['wall_ms'])}")
            for count, f in ((SMALL, small), (large, big))
        ]
        + [("ratio", f"{ratio:.2f} in CPU, {wall:.2f} in the median wall time")],
        {
            "small": small,
            "large": big,
            "cpu_ratio": ratio,
            "wall_ratio": wall,
            "goal_ratio": GOAL_RATIO,
        },
    )


class _Bench:
    """A database of so many definitions, led by us."""

    def __init__(self, server: EmbeddedPostgres, folder: str, definitions: int) -> None:
        self._wall: list[float] = []
        self._cpu = 0.0
        dsn = server.create_database(f"d{definitions}")
        _migrate(dsn, Path(folder))
        self._sql = psycopg.connect(dsn, autocommit=True)
        self._sql.execute(_FILL, {"count": definitions})
        self._sql.execute("VACUUM ANALYZE")
        database = database_from_url(dsn, worker_id="bench")
        self._cluster, self._store = SqlClusterStore(database), SqlLeaderStore(database)
        self._term = Term(1, uuid4(), "bench", 0.0, 10.0)
        won = self._cluster.bump(
            seen_epoch=0,
            new_epoch=1,
            term_id=self._term.fence.term_id,
            worker_id="bench",
            address="",
            trust_seconds=10.0,
            flaps=0,
        )
        assert won
        clock = SystemClock()
        view = self._cluster.read()
        clock.observe(view.db_now, clock.boottime(), clock.boottime())
        self._planner = Planner(self._store, clock, RuntimeConfig, uuid7)
        self._store.agenda()
        (pid,) = self._sql.execute(_BACKEND).fetchone() or (0,)
        self._backend = int(pid)

    def measured(self, count: int) -> None:
        """So many ticks, into the figures."""
        self._wall += self.ticks(count)

    def ticks(self, count: int) -> list[float]:
        """Milliseconds of each of so many ticks; what they planned is put away between them."""
        self._cpu = 0.0 if not self._wall else self._cpu
        return [self._tick() for _ in range(count)]

    def _tick(self) -> float:
        self._sql.execute(_MAKE_DUE, {"due": DUE})
        began, cpu = time.perf_counter(), self._cpu_ms()
        self._planner.tick(self._term, self._store.agenda())
        took = (time.perf_counter() - began) * 1000
        self._cpu += self._cpu_ms() - cpu
        (planned,) = self._sql.execute(_PUT_AWAY).fetchone() or (0,)
        assert planned == DUE, planned
        return took

    def _cpu_ms(self) -> float:
        """Of this process and of the leader's backend, which alone works for it."""
        with open(f"/proc/{self._backend}/schedstat") as backend:
            return time.process_time() * 1000 + int(backend.read().split()[0]) / 1e6

    def figures(self) -> dict[str, Any]:
        return {"cpu_ms": self._cpu / len(self._wall), "wall_ms": spread(sorted(self._wall))}

    def close(self) -> None:
        self._sql.close()
        self._cluster.close()
        self._store.close()


def _migrate(dsn: str, folder: Path) -> None:
    environment = project_environment(Layout(folder), database_url=dsn, redis_url="redis://none")
    subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], env=environment, check=True)


_BACKEND = """
    SELECT pid FROM pg_stat_activity
    WHERE application_name = 'scheduler/bench/leader' AND datname = current_database()
"""
_FILL = """
    INSERT INTO scheduler_job_definition
        (name, command_name, schedule, required_labels, next_fire_at, planned_until,
         schedule_since, edited_at)
    SELECT 'job ' || n, 'noop',
           '{"kind": "cron", "expression": "*/5 * * * *"}', '{}',
           clock_timestamp() + interval '1 hour' + n * interval '1 second',
           clock_timestamp(), clock_timestamp() - interval '1 hour', NULL
    FROM generate_series(1, %(count)s) AS n
"""
_MAKE_DUE = """
    UPDATE scheduler_job_definition AS d
    SET schedule = jsonb_build_object('kind', 'interval', 'seconds', 3600,
                   'anchor', to_jsonb(clock_timestamp())), revision = revision + 1,
        next_fire_at = clock_timestamp(), planned_until = clock_timestamp() - interval '1 second'
    WHERE d.id IN (SELECT id FROM scheduler_job_definition ORDER BY random() LIMIT %(due)s)
"""
_PUT_AWAY = """
    WITH gone AS (DELETE FROM scheduler_job_run RETURNING definition_id)
    SELECT count(*) FROM gone
"""
