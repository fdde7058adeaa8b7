"""Each test here runs on SQLite and on PostgreSQL."""

from typing import Any

import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Any:
    """Django's default database: empty, migrated."""
    return request.getfixturevalue(f"django_{request.param}")
