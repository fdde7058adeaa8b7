"""A process host as the tests speak of it."""

import time
from pathlib import Path
from uuid import UUID, uuid4

from scheduler.domain.values import LaunchSpec, ProcessStarted
from scheduler.execution import procfs
from scheduler.execution.host import ProcessHost
from scheduler.execution.linux import boottime

PATIENCE_SECONDS = 20.0


def eventually(condition, what, seconds=PATIENCE_SECONDS):
    """The first true answer of ``condition``; fails when there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"it never came true that {what}")


def spec_of(log_dir, *argv, env=None, log_path="", kill_grace_seconds=5.0, **options):
    run_id = uuid4()
    return LaunchSpec(
        run_id,
        argv,
        {"SCHEDULER_JOB_RUN_ID": str(run_id), **(env or {})},
        log_path or f"{log_dir}/{run_id}.log",
        kill_grace_seconds=kill_grace_seconds,
        **options,
    )


class Jobs:
    def __init__(self, log_dir: Path, kill_strength, **options) -> None:
        self.log_dir = log_dir
        self.host = ProcessHost.start(strength=kill_strength, **options)
        self.events = []

    def launch(self, *argv, **options) -> LaunchSpec:
        spec = spec_of(self.log_dir, *argv, **options)
        self.host.launch([spec])
        return spec

    def run(self, *argv, **options):
        """The end of a run, and its log."""
        spec = self.launch(*argv, **options)
        return self.end(spec), self.log(spec)

    def end(self, spec: LaunchSpec):
        """What became of a run: its event that is not a start."""
        return self.event(lambda event: self._is_end_of(event, spec.run_id))

    def started(self, spec: LaunchSpec) -> ProcessStarted:
        return self.event(lambda e: isinstance(e, ProcessStarted) and e.run_id == spec.run_id)

    def event(self, matches):
        def find():
            if found := next((event for event in self.events if matches(event)), None):
                return found
            self.events.extend(self.host.events(0.05))
            return None

        return eventually(find, f"an event matches; there were {self.events}")

    def asleep(self, spec: LaunchSpec) -> ProcessStarted:
        """Wait until a ``nap`` has set itself up."""
        start = self.started(spec)
        eventually(lambda: "asleep" in self.log(spec), "the nap began")
        return start

    def family(self, pid_file: Path, *options: str) -> LaunchSpec:
        """A run that stays, once its daemon is there."""
        spec = self.launch("family", str(pid_file), "--stay", *options)
        self.started(spec)
        eventually(pid_file.exists, "the daemon is there")
        return spec

    def log(self, spec: LaunchSpec) -> str:
        path = Path(spec.log_path)
        return path.read_text() if path.is_file() else ""

    def processes(self) -> set[int]:
        """All living processes that the host started."""
        return {pid for pid in procfs.marked_pids(self.host.mark) if procfs.is_alive(pid)}

    def runs_alive(self) -> set[int]:
        return self.processes() - {self.host.launcher_pid, self.host.server_pid}

    def lease(self, seconds: float) -> float:
        """Give the host a lease that ends so soon."""
        at = boottime() + seconds
        self.host.set_deadline(at)
        return at

    @staticmethod
    def _is_end_of(event, run_id: UUID) -> bool:
        if isinstance(event, ProcessStarted):
            return False
        return run_id == getattr(event, "run_id", None) or run_id in getattr(event, "run_ids", ())
