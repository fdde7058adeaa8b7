"""The site with the apps of all shipped plugins: what mypy's Django plugin reads, to know their
models. Nothing runs with it."""

from importlib.util import find_spec

from scheduler_site.settings import *  # noqa: F403
from scheduler_site.settings import INSTALLED_APPS as _APPS

_SHIPPED = ("scheduler_monitoring", "scheduler_notify")
INSTALLED_APPS = [*_APPS, *(app for app in _SHIPPED if app not in _APPS and find_spec(app))]
