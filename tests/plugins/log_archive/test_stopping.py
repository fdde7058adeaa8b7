"""A worker that leaves is not held up by the archive."""

import os
import subprocess
import sys

# A run goes on, its chunk is under way, and the store is silent; the process comes to its end.
LEAVING = """
import sys, threading, time
from pathlib import Path
import django
django.setup()
from scheduler_log_archive.bucket import Bucket
from tests.plugins.log_archive.machines import FakeTime, Machine, DAY
from scheduler.models.runs import new_id
from scheduler_log_archive.settings import LogArchiveSettings

under_way = threading.Event()
def silent(*_):
    under_way.set()
    time.sleep(600)
Bucket.ensure, Bucket.put = lambda self: None, silent
settings = LogArchiveSettings(log_archive_enabled=True)
machine = Machine(Path(sys.argv[1]), settings, FakeTime())
machine.write(new_id(), b"goes on")
threading.Thread(target=machine.uploads.tick, daemon=True).start()
assert under_way.wait(60)
print("leaving", flush=True)
"""


def test_a_request_that_hangs_does_not_keep_the_process_from_ending(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LEAVING, str(tmp_path / "logs")],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "leaving\n"), done.stderr
