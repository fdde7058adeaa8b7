"""The sample jobs' own testimony, also when a job is killed."""

import os
import signal
import subprocess
import sys

import pytest

from scheduler_demo import evidence


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(evidence.ENVIRONMENT_NAME, str(tmp_path))
    monkeypatch.setenv("SCHEDULER_JOB_RUN_ID", "r-1")
    monkeypatch.setenv("SCHEDULER_JOB_NAME", "team/job")
    monkeypatch.setenv("SCHEDULER_SCHEDULED_FOR", "2026-03-02T12:00:00+00:00")
    monkeypatch.setenv("SCHEDULER_ATTEMPT", "2")
    monkeypatch.setenv("SCHEDULER_FENCING_TOKEN", str(41 << 32 | 7))
    return tmp_path


def kinds(folder) -> list[str]:
    return [mark.kind for mark in evidence.read(folder)]


def test_a_job_marks_its_start_and_its_end(folder):
    with evidence.recorded():
        assert kinds(folder) == ["start"]
    first, last = evidence.read(folder)
    assert (first.run_id, first.job, first.attempt, first.epoch) == ("r-1", "team/job", 2, 41)
    assert first.pid == os.getpid()
    assert first.boottime < last.boottime


def test_a_job_that_fails_marks_its_end_too(folder):
    with pytest.raises(ValueError, match="job"), evidence.recorded():
        raise ValueError("job")
    assert kinds(folder) == ["start", "end"]


def test_a_second_live_process_of_a_slot_says_so(folder):
    with evidence.recorded(), evidence.recorded():
        pass
    assert kinds(folder).count("overlap") == 1


def test_a_killed_job_does_not_count_as_alive(folder):
    code = "from scheduler_demo import evidence\nwith evidence.recorded():\n print(1, flush=True)\n"
    command = [sys.executable, "-c", code + " input()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe) as job:
        assert job.stdout is not None and job.stdout.readline()
        job.send_signal(signal.SIGKILL)
        job.wait()
    with evidence.recorded():
        pass
    assert kinds(folder) == ["start", "start", "end"]


def test_without_the_variable_nothing_is_written(folder, monkeypatch):
    monkeypatch.delenv(evidence.ENVIRONMENT_NAME)
    with evidence.recorded():
        pass
    assert kinds(folder) == []
