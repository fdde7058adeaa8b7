"""Plugins of a process that is no worker: listed in its environment, by a module of the test's."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from scheduler.plugin_api.plugin import Plugin
from scheduler.queries.plugins import forget_plugins

MODULE = "plugins_of_the_test"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Any:
    """Django's default database: empty, migrated."""
    return request.getfixturevalue(f"django_{request.param}")


@pytest.fixture
def enable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Have these plugin classes listed, in order."""

    def enable(*classes: type[Plugin]) -> None:
        module = ModuleType(MODULE)
        for one in classes:
            setattr(module, one.__name__, one)
        monkeypatch.setitem(sys.modules, MODULE, module)
        listed = ",".join(f"{MODULE}.{one.__name__}" for one in classes)
        monkeypatch.setenv("SCHEDULER_PLUGINS", listed)
        forget_plugins()

    forget_plugins()
    yield enable
    forget_plugins()
