"""What ``manage.py check`` says of the scheduler: settings, plugins, database engine.

They read the environment and the code only; the database is not asked.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning, register

from scheduler.domain.errors import SchedulerError
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.resolution import check_unknown, resolve

SUPPORTED_ENGINES = ("postgresql", "sqlite3")
TAG = "scheduler"


@register(TAG)
def settings_are_valid(
    app_configs: Sequence[AppConfig] | None = None, **_: Any
) -> list[CheckMessage]:
    """scheduler.E001: a bad setting or plugin. scheduler.W001: a variable that is no setting."""
    return problems_of(os.environ)


@register(TAG)
def database_is_supported(
    app_configs: Sequence[AppConfig] | None = None, **_: Any
) -> list[CheckMessage]:
    """scheduler.E002: the default database is neither PostgreSQL nor SQLite."""
    engine = str(django_settings.DATABASES.get("default", {}).get("ENGINE", ""))
    if engine.rpartition(".")[2] in SUPPORTED_ENGINES:
        return []
    sentence = f"The scheduler cannot use the database engine {engine or 'of no name'!r}."
    hint = "Use PostgreSQL (recommended) or SQLite as the default database."
    return [Error(sentence, hint=hint, id="scheduler.E002")]


def problems_of(environ: Mapping[str, str]) -> list[CheckMessage]:
    """What is wrong with the ``SCHEDULER_*`` variables of an environment."""
    try:
        host = PluginHost.load(resolve(CoreSettings, rows={}, environ=environ).settings.plugins)
        host.configure(rows={}, environ=environ)
        _refuse_twice_taken(host)
    except SchedulerError as error:
        return [Error(str(error), id="scheduler.E001")]
    strangers = check_unknown(host.settings_models, environ)
    return [Warning(sentence, id="scheduler.W001") for sentence in strangers]


def _refuse_twice_taken(host: PluginHost) -> None:
    """Raises PluginProblem for an executor, an app or a prefix that two plugins want."""
    _ = host.executors
    host.django_apps()
    host.url_mounts()
