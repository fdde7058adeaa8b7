import errno
import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from scheduler import requests
from scheduler.domain.values import RunState
from scheduler.models import AdminActionLog, Event, JobRun, JobRunDetail, WorkerLease
from tests.contract.store.world import World, result
from tests.integration.store_commands.conftest import Call
from tests.plugins.builders import host_of, plugin


@pytest.fixture(autouse=True)
def log_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("SCHEDULER_LOG_DIR", str(tmp_path / "logs"))
    return tmp_path / "logs"


def finish(world: World, run, **changes) -> None:
    token = world.start([run])[run]
    world.workers.finish("w-1", [result(run, token, **changes)])


def age(days: int) -> None:
    """Let all that has ended have been planned and ended ``days`` ago."""
    shift = timedelta(days=days)
    for run in JobRun.objects.exclude(finished_at=None):
        older = UUID(int=run.pk.int - (int(shift.total_seconds() * 1000) << 80))
        assert run.finished_at is not None
        JobRun.objects.filter(pk=run.pk).update(id=older, finished_at=run.finished_at - shift)
        JobRunDetail.objects.filter(pk=run.pk).update(run=older)


def test_what_is_older_goes_with_its_details(led: World, call: Call):
    old, young = led.plan(led.define(), 2)
    finish(led, old)
    age(31)
    finish(led, young)
    told = call("scheduler_purge", "--days", "30")
    assert told.code == 0
    assert "Deleted 1 runs" in told.out
    assert list(led.states()) == [young]
    assert JobRunDetail.objects.count() == 1
    assert AdminActionLog.objects.filter(action="purged").exists()


def test_what_is_not_finished_or_owes_a_retry_stays(led: World, call: Call):
    _, running, owing = led.plan(led.define(), 3)
    led.start([running])
    finish(led, owing, state=RunState.FAILED, retry_delay_seconds=1.0)
    age(400)
    assert "Deleted 0 runs" in call("scheduler_purge", "--days", "1").out
    assert sorted(led.states().values()) == ["FAILED", "PENDING", "RUNNING"]


def test_a_dry_run_counts_and_deletes_nothing(led: World, call: Call):
    (run,) = led.plan(led.define())
    finish(led, run)
    age(400)
    told = call("scheduler_purge", "--days", "30", "--dry-run")
    assert "Would delete 1 runs" in told.out
    assert "Would delete 0 log files" in told.out
    assert len(led.states()) == 1
    assert not AdminActionLog.objects.exists()


def test_it_goes_on_batch_by_batch_and_says_how_far_it_is(led: World, call: Call):
    for run in led.plan(led.define(), 5):
        finish(led, run)
    age(400)
    told = call("scheduler_purge", "--days", "30", "--batch", "2")
    assert "Deleted 5 runs" in told.out
    assert "runs: 4 deleted so far" in told.err
    assert led.states() == {}


def test_handled_events_ended_workers_and_audit_rows_go_too(led: World, call: Call):
    long_ago = led.now() - timedelta(days=400)
    led.worker("w-2")
    led.leases.leave("w-2")
    WorkerLease.objects.filter(pk="w-2").update(ended_at=long_ago)
    Event.objects.create(type="a", handled_at=long_ago, received_at=long_ago)
    Event.objects.create(type="b", received_at=long_ago)
    led.define()
    requests.request_run("report", by="ann")
    AdminActionLog.objects.update(at=long_ago)
    told = call("scheduler_purge", "--days", "30")
    assert "1 events, 1 audit rows, 1 ended workers" in told.out
    assert list(WorkerLease.objects.values_list("pk", flat=True)) == ["w-1"]
    assert list(Event.objects.values_list("type", flat=True)) == ["b"]


def test_old_log_files_go(led: World, call: Call, log_dir):
    old, young = log_dir / "2026-01-01" / "report" / "1.log", log_dir / "now" / "report" / "2.log"
    for path in (old, young):
        path.parent.mkdir(parents=True)
        path.write_text("line\n")
    os.utime(old, (0, 0))
    told = call("scheduler_purge", "--days", "30")
    assert "Deleted 1 log files (5 bytes)" in told.out
    assert not old.exists()
    assert young.exists()


class Archive:
    on = True

    def read(self, run, offset, limit):
        raise NotImplementedError

    def link(self, run):
        raise NotImplementedError

    def takes_logs(self) -> bool:
        return self.on


@pytest.fixture
def archive(monkeypatch) -> Archive:
    """The archive of an enabled plugin."""
    archive = Archive()

    host = host_of(plugin("keeper", log_archive=lambda self: archive))
    monkeypatch.setattr("scheduler.queries.plugins.plugin_host", lambda: host)
    return archive


def test_log_files_that_cannot_be_deleted_are_told_of_and_keep_nothing_else(
    led: World, call: Call, log_dir, monkeypatch
):
    (run,) = led.plan(led.define())
    finish(led, run)
    age(400)
    paths = [log_dir / "2026-01-01" / "report" / f"{number}.log" for number in (1, 2)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("line\n")
        os.utime(path, (0, 0))
    unlink = Path.unlink

    def refuse(self, missing_ok=False):
        if self == paths[0]:
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    told = call("scheduler_purge", "--days", "30")
    assert told.code == 2
    assert f"1 log files could not be deleted ({paths[0]}: Permission denied)" in told.err
    assert "Deleted 1 log files" in told.out
    assert "Deleted 1 runs" in told.out


@pytest.fixture
def old_logs(led: World, log_dir) -> dict[str, Path]:
    """Logs of 1970: one is archived, one has the path of its file recorded, of one the run is
    unknown; written one second after the other."""
    archived, waiting = led.plan(led.define(), 2)
    finish(led, archived, log_ref="https://logs.example.com/1.log")
    finish(led, waiting, log_ref=str(log_dir / "2.log"))
    age(31)
    by_ref = {row.log_ref.partition(":")[0]: row.run_id for row in JobRunDetail.objects.all()}
    runs = {
        "archived": by_ref.pop("https"),
        "waiting": by_ref.popitem()[1],
        "unknown": UUID("0190f3a0-0000-7000-8000-000000000001"),
    }
    folder = log_dir / "1970-01-01" / "report"
    folder.mkdir(parents=True)
    paths = {name: folder / f"{run}.log" for name, run in runs.items()}
    for second, path in enumerate(paths.values()):
        path.write_text("line\n")
        os.utime(path, (second, second))
    return paths


def left(old_logs: dict[str, Path]) -> set[str]:
    return {name for name, path in old_logs.items() if path.exists()}


KEPT = (
    "2 old log files that are not archived yet, the oldest last written 1970-01-01T00:00:01+00:00"
)


def test_while_an_archive_is_enabled_logs_that_wait_for_it_are_kept_and_told_of(
    call: Call, archive, old_logs
):
    told = call("scheduler_purge", "--days", "30")
    assert told.code == 0
    assert left(old_logs) == {"waiting", "unknown"}
    assert "Deleted 1 log files (5 bytes)" in told.out
    assert f"Kept {KEPT}" in told.out
    assert "Deleted 2 runs" in told.out


def test_a_dry_run_tells_of_the_logs_that_would_be_kept(call: Call, archive, old_logs):
    told = call("scheduler_purge", "--days", "30", "--dry-run")
    assert "Would delete 1 log files (5 bytes)" in told.out
    assert f"Would keep {KEPT}" in told.out
    assert len(left(old_logs)) == 3


def test_logs_that_wait_for_an_archive_go_where_that_is_asked_for(call: Call, archive, old_logs):
    told = call("scheduler_purge", "--days", "30", "--unarchived-logs")
    assert "Deleted 3 log files" in told.out
    assert "not archived" not in told.out
    assert left(old_logs) == set()


def test_while_the_archive_is_switched_off_no_log_waits_for_it(call: Call, archive, old_logs):
    archive.on = False
    assert "Deleted 3 log files" in call("scheduler_purge", "--days", "30").out
    assert left(old_logs) == set()


def test_a_plugin_that_does_not_say_whether_it_archives_costs_no_log(
    call: Call, archive, old_logs, monkeypatch
):
    monkeypatch.setattr(Archive, "takes_logs", lambda self: 1 / 0)
    call("scheduler_purge", "--days", "30")
    assert left(old_logs) == {"waiting", "unknown"}


def test_retention_for_ever_purges_nothing(led: World, call: Call, monkeypatch):
    monkeypatch.setenv("SCHEDULER_LOG_RETENTION_DAYS_DB", "0")
    assert "nothing to purge" in call("scheduler_purge").out


@pytest.mark.parametrize("option", [("--days", "0"), ("--days", "x"), ("--batch", "0")])
def test_bad_numbers_are_bad_input(led: World, call: Call, option):
    told = call("scheduler_purge", *option)
    assert told.code != 0
    assert "whole number" in told.err
