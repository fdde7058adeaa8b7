"""A real SeaweedFS, started once; a prefix of its own, a machine and a database for each test."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scheduler.queries.in_force import forget_core_settings
from scheduler_demo.seaweed import EmbeddedSeaweed
from scheduler_log_archive.settings import LogArchiveSettings
from tests.plugins.log_archive.machines import FakeTime, Machine

BUCKET = "scheduler-logs"
_numbers = count(1)

MakeSettings = Callable[..., LogArchiveSettings]


@pytest.fixture(scope="session")
def store(server_folder: Path) -> Iterator[EmbeddedSeaweed]:
    """The object store that all tests of this process share."""
    with EmbeddedSeaweed(server_folder / "seaweed") as server:
        yield server
        # A clean end takes seconds, and nobody needs what it holds.
        server.kill()


def settings_for(store: EmbeddedSeaweed, **values: Any) -> LogArchiveSettings:
    given = {
        "log_archive_enabled": True,
        "log_archive_s3_endpoint_url": store.endpoint_url,
        "log_archive_bucket": BUCKET,
        "log_archive_prefix": f"test-{next(_numbers)}",
        "log_archive_access_key_id": store.access_key_id,
        "log_archive_secret_access_key": store.secret_access_key,
        "log_archive_create_bucket": True,
        "log_archive_timeout_seconds": 5.0,
    }
    return LogArchiveSettings(**{**given, **values})


@pytest.fixture
def make_settings(store: EmbeddedSeaweed) -> MakeSettings:
    return lambda **values: settings_for(store, **values)


@pytest.fixture
def settings(make_settings: MakeSettings) -> LogArchiveSettings:
    return make_settings()


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def database(django_sqlite: Any) -> Iterator[Any]:
    forget_core_settings()
    yield django_sqlite
    forget_core_settings()


@pytest.fixture
def machine(
    database: Any, tmp_path: Path, settings: LogArchiveSettings, time: FakeTime
) -> Iterator[Machine]:
    machine = Machine(tmp_path / "logs", settings, time)
    yield machine
    machine.uploads.close()
