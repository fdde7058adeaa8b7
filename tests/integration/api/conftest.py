"""The HTTP API on SQLite and on PostgreSQL, without a cluster."""

from collections.abc import Iterator
from typing import Any

import pytest

from scheduler.queries.in_force import forget_core_settings


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Any:
    """Django's default database: empty, migrated."""
    return request.getfixturevalue(f"django_{request.param}")


@pytest.fixture(autouse=True)
def settings_read_anew() -> Iterator[None]:
    forget_core_settings()
    yield
    forget_core_settings()
