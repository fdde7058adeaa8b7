"""Every way of ending a run takes its whole family with it."""

import signal
import time

from scheduler.domain.values import ProcessExited, ProcessNotStarted
from scheduler.execution.linux import boottime
from tests.integration.execution.jobs import PATIENCE_SECONDS, spec_of


def test_timeout_ends_a_run_by_term(strong_jobs):
    end, _ = strong_jobs.run("nap", timeout_seconds=0.3)
    assert (end.signal, end.timed_out, end.canceled) == (signal.SIGTERM, True, False)


def test_run_deaf_to_term_is_killed_after_its_grace(strong_jobs):
    spec = strong_jobs.launch("nap", "--ignore-term", timeout_seconds=0.3, kill_grace_seconds=0.4)
    end, start = strong_jobs.end(spec), strong_jobs.started(spec)
    assert (end.signal, end.timed_out) == (signal.SIGKILL, True)
    assert 0.7 <= end.at_boottime - start.at_boottime < 5


def test_cancel_ends_a_run(strong_jobs):
    spec = strong_jobs.launch("nap")
    strong_jobs.asleep(spec)
    strong_jobs.host.cancel([spec.run_id])
    end = strong_jobs.end(spec)
    assert (end.signal, end.canceled, end.timed_out) == (signal.SIGTERM, True, False)


def test_canceled_run_that_leaves_well_says_so(jobs):
    spec = jobs.launch("nap", "--leave-well")
    jobs.asleep(spec)
    jobs.host.cancel([spec.run_id])
    end = jobs.end(spec)
    assert (end.exit_code, end.canceled) == (0, True)


def test_cancel_before_the_fork_server_is_ready_ends_a_run(jobs):
    spec = jobs.launch("nap")
    assert not jobs.host.ready
    jobs.host.cancel([spec.run_id])
    assert jobs.end(spec).canceled


def test_cancel_that_overtakes_its_starts_still_ends_each_run_once(jobs):
    assert jobs.host.wait_ready(PATIENCE_SECONDS)
    specs = [spec_of(jobs.log_dir, "nap") for _ in range(40)]
    jobs.host.launch(specs)
    jobs.host.cancel([spec.run_id for spec in specs])
    assert {jobs.end(spec).canceled for spec in specs} == {True}
    assert len([e for e in jobs.events if isinstance(e, ProcessExited)]) == 40


def test_cancel_of_an_unknown_run_changes_nothing(jobs):
    jobs.host.cancel([spec_of("", "noop").run_id])
    assert jobs.run("noop")[0].exit_code == 0


def test_daemon_left_behind_by_a_run_is_dead_when_its_end_is_told(strong_jobs, tmp_path):
    for option in ([], ["--exec"]):
        pid_file = tmp_path / f"daemon{len(option)}"
        end, log = strong_jobs.run("family", str(pid_file), *option)
        assert (end.exit_code, log) == (0, "")
        assert pid_file.exists()
        assert strong_jobs.runs_alive() == set()


def test_daemon_of_a_canceled_run_dies_with_it_and_no_other_run_does(strong_jobs, tmp_path):
    other = strong_jobs.launch("nap")
    other_pid = strong_jobs.asleep(other).pid
    spec = strong_jobs.family(tmp_path / "daemon")
    strong_jobs.host.cancel([spec.run_id])
    assert strong_jobs.end(spec).signal == signal.SIGTERM
    assert strong_jobs.runs_alive() == {other_pid}


def test_end_of_one_run_leaves_the_daemon_of_another_alone(strong_jobs, tmp_path):
    strong_jobs.family(tmp_path / "daemon")
    alive = strong_jobs.runs_alive()
    assert len(alive) == 2
    assert strong_jobs.run("noop")[0].exit_code == 0
    assert strong_jobs.runs_alive() == alive


def test_timed_out_exec_run_dies_with_its_daemon(strong_jobs, tmp_path):
    daemon = tmp_path / "daemon"
    end, _ = strong_jobs.run(
        "family", str(daemon), "--stay", "--exec", isolation="exec", timeout_seconds=3.0
    )
    assert daemon.exists()
    assert end.timed_out
    assert strong_jobs.runs_alive() == set()


def test_lease_gives_term_a_grace_before_its_end(strong_jobs):
    spec = strong_jobs.launch("nap", kill_grace_seconds=1.0)
    strong_jobs.asleep(spec)
    at = strong_jobs.lease(1.5)
    end = strong_jobs.end(spec)
    assert (end.signal, end.lease_lost) == (signal.SIGTERM, True)
    assert at - 1.0 <= end.at_boottime < at


def test_lease_kills_at_its_end(strong_jobs):
    spec = strong_jobs.launch("nap", "--ignore-term", kill_grace_seconds=60.0)
    strong_jobs.asleep(spec)
    at = strong_jobs.lease(0.5)
    end = strong_jobs.end(spec)
    assert (end.signal, end.lease_lost) == (signal.SIGKILL, True)
    assert at <= end.at_boottime < at + 1


def test_renewed_lease_lets_runs_live(jobs):
    spec = jobs.launch("nap", "--seconds=2.5", kill_grace_seconds=0.1)
    jobs.asleep(spec)
    jobs.lease(2.0)
    jobs.lease(60.0)
    assert jobs.end(spec).exit_code == 0


def test_nothing_starts_after_the_end_of_the_lease_until_the_next(jobs):
    jobs.host.set_deadline(boottime() - 1)
    end, _ = jobs.run("noop")
    assert isinstance(end, ProcessNotStarted) and "lease has run out" in end.error
    assert end.blameless
    jobs.lease(60.0)
    assert jobs.run("noop")[0].exit_code == 0


def test_stop_ends_all_and_leaves_no_process(strong_jobs, tmp_path):
    gentle = strong_jobs.launch("nap")
    deaf = strong_jobs.launch("nap", "--ignore-term", kill_grace_seconds=60.0)
    strong_jobs.asleep(gentle), strong_jobs.asleep(deaf)
    strong_jobs.family(tmp_path / "daemon")
    began = time.monotonic()
    strong_jobs.host.stop(0.5)
    assert time.monotonic() - began < 4
    assert strong_jobs.processes() == set()
    assert strong_jobs.end(gentle).signal == signal.SIGTERM
    assert strong_jobs.end(deaf).signal == signal.SIGKILL


def test_launch_after_stop_is_refused(jobs):
    jobs.host.stop(0)
    assert isinstance(jobs.run("noop")[0], ProcessNotStarted)
