"""On SQLite a stopped writer blocks everyone: a take-over ends the leader that is written down."""

import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import psutil
import pytest

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.store.cluster import SqlClusterStore
from scheduler.store.connections import database_from_url
from scheduler.store.sessions import Database
from scheduler.store.statements import Statement
from tests.contract.store.world import bump

DEADLINE_SECONDS = 10.0

# It leads, then stops in the midst of a write.
STOPPED_LEADER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
sys.stdin.readline()
connection.execute("BEGIN IMMEDIATE")
print("holding", flush=True)
time.sleep(60)
"""

RECORD = Statement("""
    UPDATE scheduler_cluster SET epoch = 1, leader_worker_id = 'w-1', backend_pid = %(pid)s,
        backend_started_at = %(started_at)s
""")


@pytest.fixture
def database(sqlite) -> Database:
    return database_from_url(sqlite.dsn, worker_id="w-2")


@pytest.fixture
def challenger(database: Database) -> Iterator[SqlClusterStore]:
    with SqlClusterStore(database) as store:
        yield store


@pytest.fixture
def stopped(sqlite, database: Database) -> Iterator[subprocess.Popen[str]]:
    """A process that will hold the file as a writer and do nothing."""
    path = sqlite.dsn.removeprefix("sqlite:///")
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED_LEADER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate(timeout=DEADLINE_SECONDS)


def let_it_hold(process: subprocess.Popen[str]) -> None:
    """Once this returns, the process holds the file."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("now\n")
    process.stdin.flush()
    assert process.stdout.readline() == "holding\n"


def record(database: Database, pid: int, started_at: float) -> None:
    session = database.session("read")
    session.run(RECORD, pid=pid, started_at=started_at)
    session.close()


def test_the_recorded_leader_is_killed_when_it_holds_the_file(database, challenger, stopped):
    record(database, stopped.pid, psutil.Process(stopped.pid).create_time())
    let_it_hold(stopped)
    assert bump(challenger, 1, uuid4(), "w-2")
    assert not psutil.pid_exists(stopped.pid)


def test_a_process_that_only_has_the_same_pid_is_left_alone(database, challenger, stopped):
    record(database, stopped.pid, psutil.Process(stopped.pid).create_time() - 100)
    let_it_hold(stopped)
    with pytest.raises(DatabaseUnavailable):
        bump(challenger, 1, uuid4(), "w-2")
    assert stopped.poll() is None


def test_a_bump_that_nobody_blocks_kills_nobody(database, challenger):
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    record(database, sleeper.pid, psutil.Process(sleeper.pid).create_time())
    assert bump(challenger, 1, uuid4(), "w-2")
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait(DEADLINE_SECONDS)
