"""One run from its start to its end, as ``manage.py NAME ARGS`` would have it."""

import json
import os
import signal
import subprocess

import pytest

from scheduler.domain.values import ProcessExited, ProcessNotStarted
from scheduler.execution import logs
from tests.integration.execution.jobs import eventually, spec_of

ISOLATIONS = pytest.mark.parametrize("isolation", ["fork", "exec"])


def test_command_that_does_nothing_ends_with_0(strong_jobs):
    end, log = strong_jobs.run("noop")
    assert (end.exit_code, end.signal, log) == (0, None, "")


@ISOLATIONS
def test_exit_code_of_sys_exit_is_the_runs(jobs, isolation):
    end, _ = jobs.run("say", "bye", "--end=exit", "--code=42", isolation=isolation)
    assert end.exit_code == 42


@ISOLATIONS
def test_command_error_gives_its_return_code_and_one_line(jobs, isolation):
    end, log = jobs.run("say", "x", "--end=error", "--code=7", isolation=isolation)
    assert end.exit_code == 7
    assert log == "x\nCommandError: it will not do\n"


@ISOLATIONS
def test_exception_gives_1_and_its_traceback(jobs, isolation):
    end, log = jobs.run("say", "x", "--end=crash", isolation=isolation)
    assert end.exit_code == 1
    assert log.startswith("x\nTraceback") and log.endswith("ValueError: it broke\n")


@ISOLATIONS
def test_bad_arguments_give_2_and_the_usage(jobs, isolation):
    end, log = jobs.run("say", isolation=isolation)
    assert end.exit_code == 2
    assert "usage:" in log and "required: text" in log


@ISOLATIONS
def test_japanese_output_is_kept_as_utf_8(jobs, isolation):
    end, log = jobs.run("say", "月次集計を開始しました", isolation=isolation)
    assert (end.exit_code, log) == (0, "月次集計を開始しました\n")


def test_unknown_command_is_not_started_and_the_nearest_is_named(jobs):
    end, _ = jobs.run("noopp")
    assert isinstance(end, ProcessNotStarted)
    assert "'noopp' does not exist; did you mean 'noop'?" in end.error


def test_exec_leaves_the_import_of_a_command_to_the_run(jobs):
    end, log = jobs.run("unloadable", isolation="exec")
    assert end.exit_code == 1
    assert "RuntimeError: its module breaks" in log
    assert isinstance(jobs.run("noopp", isolation="exec")[0], ProcessNotStarted)


def test_warmed_command_starts_at_once_also_in_the_next_fork_server(jobs):
    jobs.host.warm(["noop", "unloadable", "no-such"])
    assert jobs.run("noop")[0].exit_code == 0
    os.kill(jobs.host.server_pid, signal.SIGKILL)
    eventually(lambda: jobs.host.events(0) or not jobs.host.ready, "its loss is seen")
    assert jobs.run("noop")[0].exit_code == 0


def test_command_that_cannot_be_imported_is_not_started_and_breaks_nothing(jobs):
    end, _ = jobs.run("unloadable")
    assert isinstance(end, ProcessNotStarted)
    assert "cannot be loaded (RuntimeError: its module breaks)" in end.error
    assert jobs.run("noop")[0].exit_code == 0


def test_order_without_a_command_is_not_started_and_harms_no_other_run(jobs):
    nap = jobs.launch("nap")
    jobs.asleep(nap)
    assert isinstance(jobs.run()[0], ProcessNotStarted)
    assert jobs.host.running() == {nap.run_id}


def test_many_starts_of_one_message_each_end_once(jobs):
    specs = [spec_of(jobs.log_dir, "say", str(number)) for number in range(100)]
    jobs.host.launch(specs)
    assert [jobs.end(spec).exit_code for spec in specs] == [0] * 100
    assert [jobs.log(spec) for spec in specs] == [f"{number}\n" for number in range(100)]
    ends = [event.run_id for event in jobs.events if isinstance(event, ProcessExited)]
    assert sorted(ends) == sorted(spec.run_id for spec in specs)
    assert jobs.host.running() == frozenset()


def test_run_is_running_until_its_end_was_told(jobs):
    spec = jobs.launch("noop")
    assert jobs.host.running() == {spec.run_id}
    jobs.end(spec)
    assert jobs.host.running() == frozenset()


def probe(jobs, *argv, **options):
    end, log = jobs.run("probe", *argv, **options)
    assert end.exit_code == 0, log
    return json.loads(log)


def test_run_leads_a_session_of_its_own_with_its_log_and_nothing_of_the_server(strong_jobs):
    spec = strong_jobs.launch("probe", "a", "b")
    strong_jobs.end(spec)
    facts = json.loads(strong_jobs.log(spec))
    assert facts["pid"] == facts["group"] == facts["session"]
    assert facts["fds"] == {"0": "/dev/null", "1": spec.log_path, "2": spec.log_path}
    assert facts["words"] == ["a", "b"]
    assert facts["argv"] == ["manage.py", "probe", "a", "b"]


def test_pid_told_is_the_hosts(strong_jobs):
    spec = strong_jobs.launch("nap")
    pid = strong_jobs.asleep(spec).pid
    assert pid in strong_jobs.runs_alive()
    shown = subprocess.check_output(["ps", "-o", "args=", "-p", str(pid)], text=True)
    assert shown.startswith(f"scheduler run nap {spec.run_id}")


def test_run_gets_its_environment_and_none_of_the_servers(jobs, monkeypatch):
    env = probe(jobs, env={"SCHEDULER_ATTEMPT": "3"})["env"]
    assert env["SCHEDULER_ATTEMPT"] == "3"
    for name in ("PYTHONMALLOC", "GLIBC_TUNABLES", "PYTHONPATH", "SPT_NOENV"):
        assert env.get(name) == os.environ.get(name)


def test_each_run_draws_random_numbers_of_its_own(jobs):
    assert len({probe(jobs)["random"] for _ in range(3)}) == 3


def test_default_that_changes_with_time_is_taken_anew_by_each_run(jobs):
    assert len({jobs.run("dated")[1] for _ in range(3)}) == 3


def test_fork_server_loads_no_grpc_no_tls_and_no_redis(make_jobs, monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "scheduler_site.settings")
    end, log = make_jobs().run("shell", "--no-imports", "-c", "import sys; print(*sys.modules)")
    assert end.exit_code == 0, log
    loaded = set(log.split())
    assert "scheduler.execution.fork_server" in loaded or "django.apps" in loaded
    assert not {"grpc", "redis", "cryptography", "scheduler.transport"} & loaded


def test_cost_of_a_run_is_told(jobs):
    end, _ = jobs.run("spread", "--cpu-seconds=0.3", "--log-megabytes=2")
    use = end.use
    assert 0.25 < use.cpu_user_seconds + use.cpu_system_seconds < 3
    assert use.max_rss_bytes > 10_000_000
    assert use.write_bytes is None or use.write_bytes >= 0


def test_limits_hold_for_runs(make_jobs):
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    end, log = make_jobs(rlimits={"RLIMIT_NOFILE": 64}).run("shell", "--no-imports", "-c", code)
    assert (end.exit_code, log) == (0, "(64, 64)\n")


def test_log_of_50_megabytes_is_read_in_pieces(jobs):
    spec = jobs.launch("spread", "--log-megabytes=50")
    assert jobs.end(spec).exit_code == 0
    offset = total = 0
    while True:
        data, offset, size = logs.read_log(spec.log_path, offset, 1 << 20)
        total += len(data)
        if not data:
            break
    assert total == size == offset == 50 << 20


def test_log_is_for_owner_and_group_only(jobs):
    spec = jobs.launch("noop")
    jobs.end(spec)
    assert os.stat(spec.log_path).st_mode & 0o777 == 0o640


def test_full_disk_under_the_log_loses_output_but_not_the_outcome(jobs):
    end, _ = jobs.run("say", "x", "--times=10000", log_path="/dev/full")
    assert end.exit_code == 0


def test_full_disk_under_the_log_keeps_an_exit_code(jobs):
    end, _ = jobs.run("say", "x", "--end=error", "--code=7", log_path="/dev/full")
    assert end.exit_code == 7


def test_log_that_fills_a_small_disk_does_not_fail_the_job(jobs, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not permit a mount")
    try:
        end, _ = jobs.run("spread", "--log-megabytes=3", log_path=f"{disk}/a/b.log")
        assert end.exit_code == 0
        assert os.stat(f"{disk}/a/b.log").st_size <= 1 << 20
        end, _ = jobs.run("say", "x", log_path=f"{disk}/c/d.log")
        assert end.exit_code == 0
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_log_that_cannot_be_made_does_not_stop_the_job(jobs, tmp_path):
    (tmp_path / "file").write_text("")
    end, _ = jobs.run("say", "x", log_path=str(tmp_path / "file" / "run.log"))
    assert end.exit_code == 0
