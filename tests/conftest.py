"""Real PostgreSQL, Valkey and SQLite for tests: started once when first asked for, fresh for each.

``postgres`` and ``sqlite`` are databases of the test's own with all migrations applied;
``django_postgres`` and ``django_sqlite`` are the same with Django's default connection moved to
them for the time of the test. ``valkey`` is a server emptied before each test.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from scheduler_demo.services import EmbeddedPostgres, EmbeddedValkey

_TEMPLATE = "template_migrated"
_numbers = count(1)


@dataclass(frozen=True)
class TestDatabase:
    """A migrated database; ``dsn`` suits DATABASE_URL and, for PostgreSQL, psycopg."""

    __test__ = False

    dsn: str

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A new autocommit connection (PostgreSQL only)."""
        return psycopg.connect(self.dsn, autocommit=True)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short path: those of Unix sockets are limited."""
    folder = Path(tempfile.mkdtemp(prefix="scheduler-tests-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """The PostgreSQL that all tests of this process share. ``SCHEDULER_TEST_POSTGRES_BIN`` names
    the binaries of another version, to test both ends of the range."""
    binaries = os.environ.get("SCHEDULER_TEST_POSTGRES_BIN")
    with EmbeddedPostgres(
        server_folder / "postgres",
        options={"fsync": "off", "synchronous_commit": "off"},
        bin_dir=Path(binaries) if binaries else None,
    ) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database with all migrations applied; copy it, never connect to it."""
    _migrate(postgres_server.create_database(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def postgres(postgres_server: EmbeddedPostgres, postgres_template: str) -> Iterator[TestDatabase]:
    """A fresh, migrated PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    yield TestDatabase(postgres_server.create_database(name, template=postgres_template))
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def sqlite_template(server_folder: Path) -> Path:
    """A migrated SQLite file; copy it."""
    path = server_folder / "template.sqlite3"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> TestDatabase:
    """A fresh, migrated SQLite database."""
    path = shutil.copy(sqlite_template, tmp_path / "db.sqlite3")
    return TestDatabase(f"sqlite:///{path}")


@pytest.fixture
def django_postgres(
    postgres: TestDatabase, django_db_blocker: DjangoDbBlocker
) -> Iterator[TestDatabase]:
    """``postgres`` as Django's default database, for every thread of the test."""
    with as_default(postgres.dsn, django_db_blocker):
        yield postgres


@pytest.fixture
def django_sqlite(
    sqlite: TestDatabase, django_db_blocker: DjangoDbBlocker
) -> Iterator[TestDatabase]:
    """``sqlite`` as Django's default database, for every thread of the test."""
    with as_default(sqlite.dsn, django_db_blocker):
        yield sqlite


@pytest.fixture(scope="session")
def valkey_server(server_folder: Path) -> Iterator[EmbeddedValkey]:
    """The Valkey that all tests of this process share; stop or kill one of your own instead."""
    with EmbeddedValkey(server_folder / "valkey") as server:
        yield server


@pytest.fixture
def valkey(valkey_server: EmbeddedValkey) -> EmbeddedValkey:
    """The shared Valkey, emptied; ``valkey.url`` is for redis-py."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server


def _migrate(dsn: str) -> None:
    """In a process of its own: this one's settings and connections stay as they are."""
    environment = {
        **os.environ,
        "DATABASE_URL": dsn,
        "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
    }
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(f"the migrations do not apply to a new database:\n{done.stderr}", pytrace=False)


@contextmanager
def as_default(dsn: str, blocker: DjangoDbBlocker) -> Iterator[None]:
    """Django's default connection is one to this database meanwhile."""
    import dj_database_url

    kept = connections.settings["default"]
    parsed = connections.configure_settings({"default": dict(dj_database_url.parse(dsn))})
    _forget_connection()
    connections.settings["default"] = parsed["default"]
    try:
        with blocker.unblock():
            yield
    finally:
        _forget_connection()
        connections.settings["default"] = kept


def _forget_connection() -> None:
    for connection in connections.all(initialized_only=True):
        if connection.alias == "default":
            connection.close()
            del connections["default"]
