"""Each process killed or stopped in turn: nothing survives that nobody watches."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.domain.values import ForkServerLost, ProcessNotStarted
from scheduler.execution import procfs
from scheduler.execution.host import ForkServerNotReady
from scheduler.execution.linux import boottime
from tests.integration.execution.jobs import PATIENCE_SECONDS, eventually


def has_family(jobs, tmp_path):
    """Two runs, one of them with a daemon that hides from its group and session."""
    nap = jobs.launch("nap")
    jobs.asleep(nap)
    return [nap, jobs.family(tmp_path / "daemon")]


def is_lost(end):
    """Ended through no fault of its own: by the fork server's last act, or with it."""
    return isinstance(end, ForkServerLost) or end.lease_lost


def test_killed_run_is_told_with_its_signal(strong_jobs):
    spec = strong_jobs.launch("nap")
    os.kill(strong_jobs.asleep(spec).pid, signal.SIGKILL)
    end = strong_jobs.end(spec)
    assert (end.exit_code, end.signal, end.canceled) == (None, signal.SIGKILL, False)


def test_killed_fork_server_takes_all_runs_with_it_and_is_replaced(strong_jobs, tmp_path):
    specs = has_family(strong_jobs, tmp_path)
    before = strong_jobs.host.server_pid
    os.kill(before, signal.SIGKILL)
    lost = strong_jobs.end(specs[0])
    assert isinstance(lost, ForkServerLost)
    assert set(lost.run_ids) == {spec.run_id for spec in specs}
    assert strong_jobs.processes() <= {strong_jobs.host.launcher_pid}
    assert strong_jobs.run("noop")[0].exit_code == 0
    assert strong_jobs.host.server_pid != before


def test_runs_that_ended_before_the_fork_server_died_are_not_called_lost(strong_jobs):
    ended, _ = strong_jobs.run("noop")
    nap = strong_jobs.launch("nap")
    strong_jobs.asleep(nap)
    os.kill(strong_jobs.host.server_pid, signal.SIGKILL)
    assert strong_jobs.end(nap).run_ids == (nap.run_id,)
    assert ended.exit_code == 0


def test_fork_server_killed_again_and_again_is_replaced_each_time(jobs):
    for _ in range(3):
        nap = jobs.launch("nap")
        jobs.asleep(nap)
        os.kill(jobs.host.server_pid, signal.SIGKILL)
        assert isinstance(jobs.end(nap), ForkServerLost)
    assert jobs.run("noop")[0].exit_code == 0


def test_killed_launcher_is_replaced_and_its_runs_are_lost(strong_jobs, tmp_path):
    specs = has_family(strong_jobs, tmp_path)
    old = {strong_jobs.host.launcher_pid, strong_jobs.host.server_pid}
    os.kill(strong_jobs.host.launcher_pid, signal.SIGKILL)
    for spec in specs:
        assert is_lost(strong_jobs.end(spec))
    assert not old & strong_jobs.processes()
    assert strong_jobs.run("noop")[0].exit_code == 0


def test_launcher_and_fork_server_killed_at_once_leave_nothing(strong_jobs, tmp_path):
    specs = has_family(strong_jobs, tmp_path)
    os.kill(strong_jobs.host.launcher_pid, signal.SIGSTOP)
    os.kill(strong_jobs.host.server_pid, signal.SIGKILL)
    os.kill(strong_jobs.host.launcher_pid, signal.SIGKILL)
    for spec in specs:
        assert is_lost(strong_jobs.end(spec))
    assert strong_jobs.run("noop")[0].exit_code == 0
    assert strong_jobs.runs_alive() == set()


def test_launcher_kills_at_the_leases_end_what_a_stopped_fork_server_does_not(
    strong_jobs, tmp_path
):
    specs = has_family(strong_jobs, tmp_path)
    os.kill(strong_jobs.host.server_pid, signal.SIGSTOP)
    at = strong_jobs.lease(0.5)
    lost = strong_jobs.end(specs[0])
    assert isinstance(lost, ForkServerLost)
    assert at < boottime() < at + 5
    strong_jobs.lease(60.0)
    assert strong_jobs.run("noop")[0].exit_code == 0


def test_silent_fork_server_is_replaced_though_the_lease_is_renewed(make_jobs):
    jobs = make_jobs(stuck_seconds=1.0)
    nap = jobs.launch("nap")
    jobs.asleep(nap)
    os.kill(jobs.host.server_pid, signal.SIGSTOP)
    flood = [jobs.launch("say", "x" * 100_000) for _ in range(8)]

    def lost():
        jobs.lease(60.0)
        return jobs.host.events(0.1)

    ends = eventually(lost, "the fork server is given up")
    assert isinstance(ends[0], ForkServerLost)
    assert set(ends[0].run_ids) == {spec.run_id for spec in [nap, *flood]}
    assert jobs.run("noop")[0].exit_code == 0


def test_fork_server_that_answers_is_left_alone(make_jobs):
    jobs = make_jobs(stuck_seconds=0.3)
    nap = jobs.launch("nap", "--seconds=1.5")
    jobs.asleep(nap)
    while not jobs.host.events(0.1):
        jobs.lease(60.0)
    assert jobs.run("noop")[0].exit_code == 0


class WorkerProcess:
    def __init__(self, tmp_path, kill_strength, lease, *argv):
        command = [sys.executable, "-m", "tests.integration.execution.worker_process"]
        self.process = subprocess.Popen(
            [*command, str(tmp_path), str(kill_strength), str(lease), *argv],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.facts = self.hear()
        eventually(lambda: "asleep" in self.log(), "the nap began")

    def hear(self):
        """The next of its facts; its log lines are passed over."""
        assert self.process.stdout is not None
        return json.loads(next(line for line in self.process.stdout if line.startswith(b"{")))

    def log(self):
        path = Path(self.facts["log"])
        return path.read_text() if path.exists() else ""

    def processes(self):
        marked = procfs.marked_pids(self.facts["mark"])
        return [pid for pid in marked if procfs.is_alive(pid)]

    def end(self):
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_SECONDS)
        procfs.kill_marked(self.facts["mark"], 5)


@pytest.fixture
def make_worker(tmp_path, permitted):
    made = []

    def make(lease, *argv):
        made.append(WorkerProcess(tmp_path, permitted, lease, *argv))
        return made[-1]

    yield make
    for worker in made:
        worker.end()


def test_killed_worker_leaves_no_process(make_worker):
    worker = make_worker(60, "nap")
    assert len(worker.processes()) == 3
    worker.process.kill()
    eventually(lambda: not worker.processes(), "launcher, fork server and run are gone")


def test_killed_workers_deaf_run_is_killed_after_its_grace(make_worker):
    worker = make_worker(60, "nap", "--ignore-term")
    worker.process.kill()
    eventually(lambda: not worker.processes(), "launcher, fork server and run are gone")


def test_stopped_workers_runs_are_dead_at_the_end_of_its_lease(make_worker):
    worker = make_worker(2.0, "nap", "--ignore-term")
    worker.process.send_signal(signal.SIGSTOP)
    eventually(lambda: len(worker.processes()) == 2, "the run is gone", 5)
    assert worker.facts["deadline"] <= boottime() < worker.facts["deadline"] + 1
    worker.process.send_signal(signal.SIGCONT)
    events = [worker.hear()["event"] for _ in range(2)]
    assert [event[0] for event in events] == ["started", "exited"]
    code, number, _at, timed_out, canceled, lease_lost = events[1][2:8]
    assert (code, number) == (None, signal.SIGKILL)
    assert (timed_out, canceled, lease_lost) == (False, False, True)


@pytest.fixture
def fault(monkeypatch, tmp_path):
    """While this file is there, the project cannot be loaded."""
    broken = "tests.integration.execution_app.broken_settings"
    file = tmp_path / "fault"
    file.write_text("")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", broken)
    monkeypatch.setenv("EXECUTION_APP_FAULT", str(file))
    return file


def test_project_that_cannot_be_loaded_is_said_and_its_runs_are_not_started(make_jobs, fault):
    jobs = make_jobs()
    early = jobs.launch("noop")
    with pytest.raises(ForkServerNotReady, match="No module named 'no_such_app'"):
        jobs.host.wait_ready(PATIENCE_SECONDS)
    assert "no_such_app" in jobs.end(early).error
    late, _ = jobs.run("noop")
    assert isinstance(late, ProcessNotStarted)
    assert not jobs.host.ready


def test_corrected_project_is_loaded_without_a_restart(make_jobs, fault):
    jobs = make_jobs()
    with pytest.raises(ForkServerNotReady):
        jobs.host.wait_ready(PATIENCE_SECONDS)
    fault.unlink()
    eventually(lambda: jobs.host.events(0.05) or jobs.host.ready, "the project is loaded")
    assert jobs.run("noop")[0].exit_code == 0
