"""The site with the plugin's app installed, databases with its tables, and real receivers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.db import connections
from django.test import override_settings

from scheduler.queries.plugins import forget_plugins
from scheduler_demo.services import EmbeddedPostgres
from scheduler_notify.settings import NotifySettings
from tests.plugins.http_server import LocalServer, local_server
from tests.plugins.notify.builders import PLUGIN
from tests.plugins.notify.mail_server import MailServer

TEMPLATE = "template_notify"

if not apps.is_installed("scheduler_notify"):
    # Before the tests are collected: they import its models.
    override_settings(INSTALLED_APPS=[*django_settings.INSTALLED_APPS, "scheduler_notify"]).enable()


def _migrate(dsn: str) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": dsn,
        "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
        "SCHEDULER_PLUGINS": PLUGIN,
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
    }
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    subprocess.run(command, check=True, env=environment)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: EmbeddedPostgres, postgres_template: str) -> str:
    _migrate(postgres_server.create_database(TEMPLATE, template=postgres_template))
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(sqlite_template: Path) -> Path:
    path = Path(shutil.copy(sqlite_template, sqlite_template.with_name("notify.sqlite3")))
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(
    params=["django_sqlite", pytest.param("django_postgres", marks=pytest.mark.postgres)]
)
def database(request: pytest.FixtureRequest) -> str:
    """The DSN of a fresh database with the plugin's tables, Django's default for this test. A
    connection is kept between rounds of the services, as the site keeps it."""
    dsn: str = request.getfixturevalue(request.param).dsn
    connections.settings["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return dsn


@pytest.fixture
def web() -> Iterator[LocalServer]:
    """A real HTTP server on the loopback address."""
    with local_server() as server:
        yield server


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A real SMTP server that offers STARTTLS and asks for a login."""
    with MailServer() as server:
        yield server


@pytest.fixture
def plugin_settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., NotifySettings]:
    """Settings as the environment would give them."""

    def made(**values: str) -> NotifySettings:
        for name, value in values.items():
            monkeypatch.setenv(f"SCHEDULER_{name}", value)
        return NotifySettings()

    return made


@pytest.fixture
def enabled(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The plugin as ``SCHEDULER_PLUGINS`` enables it in a process that is no worker."""
    monkeypatch.setenv("SCHEDULER_PLUGINS", PLUGIN)
    forget_plugins()
    yield monkeypatch
    forget_plugins()
