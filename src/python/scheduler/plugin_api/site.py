"""What a Django project takes from the plugins: apps for its settings, addresses for its urls.

::

    # settings.py
    INSTALLED_APPS = [..., "scheduler", *plugin_apps()]

    # urls.py, last: what the project serves itself comes first
    urlpatterns = [..., *plugin_urls()]

Both read ``SCHEDULER_PLUGINS`` from the environment. They make plugins of their own, apart from
those that then work in the process, for Django's settings cannot wait for more.
"""

import os
from collections.abc import Mapping
from typing import Any

from scheduler.domain.errors import SchedulerError
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.failures import pass_on_interrupt, told
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.masking import mask_text
from scheduler.plugin_api.resolution import resolve

LISTED = "SCHEDULER_PLUGINS"

log = get_logger("scheduler.plugins")


def listed_plugins(environ: Mapping[str, str]) -> list[str]:
    """The names in ``SCHEDULER_PLUGINS``; other settings may be bad. Raises InvalidSetting."""
    alone = {key: value for key, value in environ.items() if key == LISTED}
    return list(resolve(CoreSettings, rows={}, environ=alone).settings.plugins)


def plugin_apps(environ: Mapping[str, str] | None = None) -> list[str]:
    """The apps that the listed plugins bring, in order, for the end of ``INSTALLED_APPS``.

    Raises ImproperlyConfigured, in one sentence, for a plugin that cannot be loaded and for an app
    that two of them bring.
    """
    from django.core.exceptions import ImproperlyConfigured

    try:
        return list(_host(environ).django_apps())
    except SchedulerError as error:
        raise ImproperlyConfigured(str(error)) from None


def plugin_urls(environ: Mapping[str, str] | None = None) -> list[Any]:
    """The addresses that the listed plugins bring, for the end of ``urlpatterns``.

    A plugin whose addresses cannot be imported is left out, and the log says so. Raises
    ImproperlyConfigured for a prefix that two plugins want.
    """
    from django.core.exceptions import ImproperlyConfigured
    from django.urls import include, path

    try:
        mounts = _host(environ).url_mounts()
    except SchedulerError as error:
        raise ImproperlyConfigured(str(error)) from None
    patterns = []
    for plugin, mount in mounts:
        try:
            mounted = path(mount.prefix, include(mount.urlconf))
            # Gone through now: what is no address would else break the search of every name.
            _ = mounted.reverse_dict
            patterns.append(mounted)
        # Whatever a foreign module raises at import means the same here: it cannot be served.
        except BaseException as error:
            pass_on_interrupt(error)
            text = mask_text(told(error))
            log.error("plugin_urls_left_out", plugin=plugin, urlconf=mount.urlconf, error=text)
    return patterns


def _host(environ: Mapping[str, str] | None) -> PluginHost:
    return PluginHost.load(listed_plugins(os.environ if environ is None else environ))
