"""Jobs as code on Django's ORM, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scheduler import jobs
from scheduler.domain.declaring import CODE, Declaration
from scheduler.requests.declared.fields import resolve


@pytest.fixture(
    params=["django_sqlite", pytest.param("django_postgres", marks=pytest.mark.postgres)]
)
def database(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Any, Any]]:
    """What @scheduled registers in a test is forgotten after it."""
    kept: dict[Any, Any] = {}
    monkeypatch.setattr(jobs, "_REGISTERED", kept)
    yield kept


Declare = Callable[..., Declaration]


@pytest.fixture
def declare() -> Declare:
    """One declaration in code."""

    def declare(name: str = "report", owner: str = f"{CODE}app.jobs:f", **stated: Any):
        fields, parts = resolve(name, {"command": "noop", **stated}, lambda key: "jobs.py:1")
        return Declaration(name, owner, "jobs.py:1", fields, parts)

    return declare
