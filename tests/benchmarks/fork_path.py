"""What the process host alone costs, by one command (see docs/benchmarks.md):

    PYTHONPATH=src/python:src/python/plugins python -m tests.benchmarks.fork_path [--json]

CPU seconds of a no-op management command of the demo's project as a warm fork (worker, launcher,
fork server and the run itself) and as a cold ``manage.py noop``, in turns; runs per second; from
the launch to the running process; private memory of idle runs.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil

from scheduler.domain.values import LaunchSpec, ProcessExited, ProcessStarted
from scheduler.execution.host import ProcessHost
from scheduler.execution.linux import boottime
from scheduler.execution.strength import KillStrength

SETTINGS = "scheduler_demo.settings"
SLEEPER = (
    "shell",
    "--no-imports",
    "-c",
    "import time; print('asleep', flush=True); time.sleep(60)",
)
ROUNDS, RUNS, COLD, ALONE, IDLE = 3, 200, 3, 100, 50
READY_SECONDS = 60.0


class Bench:
    """A process host, and the CPU seconds of all of it."""

    def __init__(self, folder: str, kill_strength: KillStrength | None) -> None:
        self._folder = Path(folder)
        self._seen: dict[tuple[type, UUID], Any] = {}
        self.host = ProcessHost.start(warm_commands=["noop", "shell"], strength=kill_strength)
        self.host.wait_ready(READY_SECONDS)
        pids = (os.getpid(), self.host.launcher_pid, self.host.server_pid)
        self._processes = [psutil.Process(pid) for pid in pids]

    def batch(self, count: int) -> tuple[float, float]:
        """(CPU seconds, wall seconds) of so many no-op runs, launched at once."""
        before, began = self._cpu(), time.monotonic()
        ends = self._seen_of(ProcessExited, self._launch(count, "noop"))
        wall = time.monotonic() - began
        runs = sum(end.use.cpu_user_seconds + end.use.cpu_system_seconds for end in ends)
        return self._cpu() - before + runs, wall

    def latency(self) -> float:
        """Seconds from one launch to its process."""
        began = boottime()
        specs = self._launch(1, "noop")
        (start,) = self._seen_of(ProcessStarted, specs)
        self._seen_of(ProcessExited, specs)
        return start.at_boottime - began

    def idle_memory(self, count: int) -> list[int]:
        """Private bytes (USS) of each of so many runs that sleep at the same time."""
        specs = self._launch(count, *SLEEPER)
        starts = self._seen_of(ProcessStarted, specs)
        while any(_is_empty(Path(spec.log_path)) for spec in specs):
            time.sleep(0.05)
        uss = [psutil.Process(start.pid).memory_full_info().uss for start in starts]
        self.host.cancel([spec.run_id for spec in specs])
        self._seen_of(ProcessExited, specs)
        return uss

    def _launch(self, count: int, *argv: str) -> list[LaunchSpec]:
        specs = [self._spec(argv) for _ in range(count)]
        self.host.launch(specs)
        return specs

    def _spec(self, argv: tuple[str, ...]) -> LaunchSpec:
        run_id = uuid4()
        env = {"SCHEDULER_JOB_RUN_ID": str(run_id)}
        return LaunchSpec(run_id, argv, env, str(self._folder / f"{run_id}.log"))

    def _seen_of(self, kind: type, specs: list[LaunchSpec]) -> list[Any]:
        """The event of this kind of each run, once all are there."""
        keys = [(kind, spec.run_id) for spec in specs]
        while not all(key in self._seen for key in keys):
            for event in self.host.events(READY_SECONDS):
                assert isinstance(event, ProcessStarted | ProcessExited), event
                self._seen[type(event), event.run_id] = event
        return [self._seen.pop(key) for key in keys]

    def _cpu(self) -> float:
        times = [process.cpu_times() for process in self._processes]
        return sum(each.user + each.system for each in times)


def _is_empty(log: Path) -> bool:
    return not log.exists() or log.stat().st_size == 0


def measure(kill_strength: KillStrength | None = None) -> dict[str, Any]:
    """All figures; times in milliseconds, memory in megabytes (10^6 bytes)."""
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    with tempfile.TemporaryDirectory(prefix="fork-path-") as folder:
        bench = Bench(folder, kill_strength)
        try:
            return _figures(bench)
        finally:
            bench.host.stop(1.0)


def _figures(bench: Bench) -> dict[str, Any]:
    bench.batch(20)
    cold, warm, rates = [], [], []
    for _ in range(ROUNDS):
        cold += [_cold_cpu() for _ in range(COLD)]
        cpu, wall = bench.batch(RUNS)
        warm.append(cpu / RUNS)
        rates.append(RUNS / wall)
    alone = sorted(bench.latency() for _ in range(ALONE))
    memory = bench.idle_memory(IDLE)
    return {
        "kill_strength": str(bench.host.strength),
        "cold_cpu_ms": statistics.median(cold) * 1e3,
        "fork_cpu_ms": statistics.median(warm) * 1e3,
        "ratio": statistics.median(cold) / statistics.median(warm),
        "runs_per_second": statistics.median(rates),
        "start_ms_p50": statistics.median(alone) * 1e3,
        "start_ms_p99": alone[int(len(alone) * 0.99) - 1] * 1e3,
        "idle_uss_mb_mean": statistics.mean(memory) / 1e6,
        "idle_uss_mb_max": max(memory) / 1e6,
        "load_average": os.getloadavg()[0],
    }


def _cold_cpu() -> float:
    """CPU seconds of one ``manage.py noop`` from nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "scheduler_demo.manage", "noop"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description="What the process host alone costs.")
    parser.add_argument("--strength", choices=list(KillStrength), help="default: the strongest")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    figures = measure(KillStrength(options.strength) if options.strength else None)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:18} {value if isinstance(value, str) else round(value, 2)}")


if __name__ == "__main__":
    main()
