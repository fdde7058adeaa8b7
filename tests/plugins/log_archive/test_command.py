"""``manage.py scheduler_log_archive``, as a process of its own."""

import json
import os
import subprocess
import sys
from functools import partial
from uuid import uuid4

import pytest

from scheduler_log_archive.bucket import Bucket, Headers
from scheduler_log_archive.keys import key_in
from tests.plugins.log_archive.conftest import BUCKET
from tests.plugins.log_archive.machines import a_run, recorded, whole


@pytest.fixture
def manage(machine, store, database):
    """Runs a command on the machine: (exit code, what it wrote, what it complained of)."""
    settings = machine.settings
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
        "DATABASE_URL": database.dsn,
        "SCHEDULER_PLUGINS": "scheduler_log_archive.plugin.LogArchivePlugin",
        "SCHEDULER_LOG_DIR": str(machine.folder),
        "SCHEDULER_LOG_ARCHIVE_ENABLED": "1",
        "SCHEDULER_LOG_ARCHIVE_S3_ENDPOINT_URL": store.endpoint_url,
        "SCHEDULER_LOG_ARCHIVE_PREFIX": settings.log_archive_prefix,
        "SCHEDULER_LOG_ARCHIVE_CREATE_BUCKET": "1",
        "SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID": store.access_key_id,
        "SCHEDULER_LOG_ARCHIVE_SECRET_ACCESS_KEY": store.secret_access_key,
    }

    def run(*argv, **more):
        done = subprocess.run(
            [sys.executable, "-m", "django", *argv],
            env={**environ, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def command(manage):
    return partial(manage, "scheduler_log_archive")


def test_it_says_what_waits_and_flushes_it(machine, command):
    runs = [machine.run_and_end(b"x%d" % number) for number in range(3)]
    machine.write(a_run(), b"goes on")
    code, out, _ = command("--json")
    assert (code, json.loads(out)["waiting"]) == (0, 3)
    assert recorded(runs[0]) == ""
    code, out, err = command("--flush", "--json")
    found = json.loads(out)
    assert (code, found["waiting"], found["archived_now"]) == (0, 0, 3), err
    assert [whole(machine.settings, run) for run in runs] == [b"x0", b"x1", b"x2"]


def test_a_log_is_verified_and_an_altered_one_found(machine, command):
    run = machine.run_and_end(b"as it was")
    machine.uploads.tick()
    code, out, _ = command("--verify", str(run))
    assert code == 0
    assert "complete" in out
    bucket, key = Bucket(machine.settings), key_in(recorded(run), BUCKET, run)
    assert key is not None
    bucket.put(key, b"as it is!", Headers(bucket.head(key).metadata))
    code, out, _ = command("--verify", str(run), "--json")
    assert code == 1
    assert "another SHA-256" in json.loads(out)["problem"]


@pytest.mark.parametrize(
    ("argv", "more", "sentence"),
    [
        (["--verify", str(uuid4())], {}, "No archived log of run"),
        (["--verify", "nonsense"], {}, "'nonsense' is no run id"),
        ([], {"SCHEDULER_LOG_ARCHIVE_ENABLED": "0"}, "switched off"),
        ([], {"DATABASE_URL": "sqlite:////nowhere/db"}, "unable to open database file"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence_and_exit_code_2(command, argv, more, sentence):
    code, out, err = command(*argv, **more)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_store_that_is_away_is_exit_code_1(machine, command):
    machine.run_and_end(b"x")
    code, out, _ = command(
        "--flush", "--json", SCHEDULER_LOG_ARCHIVE_S3_ENDPOINT_URL="http://127.0.0.1:9"
    )
    found = json.loads(out)
    assert (code, found["waiting"]) == (1, 1)
    assert "not to be had" in found["archive"]


def test_the_purge_keeps_what_waits_for_the_archive_and_deletes_what_it_has(machine, manage):
    archived = machine.run_and_end(b"archived")
    machine.uploads.tick()
    waiting = machine.run_and_end(b"waiting")
    for run in (archived, waiting):
        os.utime(machine.path(run), (0, 0))
    code, out, err = manage("scheduler_purge", "--days", "1")
    assert (code, err) == (0, "")
    assert "Kept 1 old log files that are not archived yet" in out
    assert not machine.path(archived).exists()
    assert machine.path(waiting).exists()
    _, out, _ = manage("scheduler_purge", "--days", "1", SCHEDULER_LOG_ARCHIVE_ENABLED="0")
    assert "Deleted 1 log files" in out
    assert not machine.path(waiting).exists()
