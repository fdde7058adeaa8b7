"""What plugins add around the core: apps and pages of the site, pages and services of workers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import isfinite
from typing import Any, TypeIs

from scheduler.domain.errors import PluginProblem
from scheduler.plugin_api.calls import START_SECONDS, PluginCalls, refuse_twice
from scheduler.plugin_api.failures import pass_on_interrupt
from scheduler.plugin_api.mounts import PageAnswer, PageRequest, UrlMount, WorkerPage
from scheduler.plugin_api.services import Service, WorkerView

PAGE_SECONDS = 10.0

READY = "scheduler_ready"
STOPPING = "scheduler_stopping"

_PREFIX = re.compile(r"(?:[\w~-][\w.~-]*/)*", re.ASCII)
_PATH = re.compile(r"/[\w.~/-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class PluginService:
    """A service, with whose it is."""

    plugin: str
    service: Service


class Surroundings:
    """Asks for what plugins add, and calls it."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls

    def django_apps(self) -> tuple[str, ...]:
        owners: dict[str, str] = {}
        for plugin, app in self._calls.offered("scheduler_django_apps", _is_name):
            refuse_twice("Django app", app, plugin, owners)
            if not _is_there(app):
                problem = f"brings the Django app {app!r}, which is not there"
                raise PluginProblem(plugin, problem, "correct the name, or install what has it")
        return tuple(owners)

    def url_mounts(self) -> tuple[tuple[str, UrlMount], ...]:
        owners: dict[str, str] = {}
        mounts = self._calls.offered("scheduler_url_mounts", _is_mount)
        for plugin, mount in mounts:
            # Without a prefix nothing is claimed but the addresses themselves: the first has them.
            if mount.prefix:
                refuse_twice("URL prefix", mount.prefix, plugin, owners)
        return tuple(mounts)

    def worker_pages(self, worker: WorkerView) -> dict[str, tuple[str, WorkerPage]]:
        owners: dict[str, str] = {}
        pages = self._calls.offered("scheduler_worker_pages", _is_page, {"worker": worker})
        for plugin, page in pages:
            refuse_twice("worker page", page.path, plugin, owners)
        return {page.path: (plugin, page) for plugin, page in pages}

    def answer(self, plugin: str, page: WorkerPage, request: PageRequest) -> PageAnswer | None:
        def ask() -> PageAnswer:
            return _answered(page.answer(request))

        return self._calls.guarded(plugin, f"worker page {page.path}", ask, PAGE_SECONDS)

    def services(self, hook: str, worker: WorkerView) -> tuple[PluginService, ...]:
        offered = self._calls.offered(hook, _is_service, {"worker": worker})
        return tuple(PluginService(plugin, service) for plugin, service in offered)

    def tick(self, one: PluginService) -> float | None:
        def call() -> float:
            return _seconds(one.service.tick())

        return self._calls.guarded(one.plugin, f"service {one.service.name}", call, None)

    def close(self, services: Sequence[PluginService]) -> None:
        calls = [
            (one.plugin, f"close service {one.service.name}", one.service.close) for one in services
        ]
        self._calls.side_by_side(calls, START_SECONDS)

    def ready(self, worker: WorkerView) -> None:
        self._tell(READY, {"worker": worker})

    def stopping(self) -> None:
        self._tell(STOPPING, {})

    def _tell(self, hook: str, arguments: dict[str, Any]) -> None:
        calls = []
        for plugin in self._calls.having(hook):
            call = self._calls.hook(plugin, hook, arguments)
            assert call is not None
            calls.append((plugin, hook, call))
        self._calls.side_by_side(calls, START_SECONDS)


def _answered(answer: Any) -> PageAnswer:
    if not (isinstance(answer, PageAnswer) and isinstance(answer.body, bytes)):
        raise TypeError(f"the page answered {type(answer).__name__}, no PageAnswer with bytes")
    return answer


def _seconds(answer: Any) -> float:
    """Until the next tick; what is no sensible number is the plugin's failure."""
    seconds = float(answer)
    if not (isfinite(seconds) and seconds >= 0):
        raise ValueError(f"tick answered {seconds}, no number of seconds from 0 on")
    return seconds


def _is_there(app: str) -> bool:
    """Whether Django would find it: a package, or a class in a module. It is not imported, for
    Django's settings are still being read; what it is a part of is."""
    above, _, last = app.rpartition(".")
    try:
        return find_spec(above if above and last[:1].isupper() else app) is not None
    except BaseException as error:
        pass_on_interrupt(error)
        return False


def _is_name(one: Any) -> TypeIs[str]:
    return isinstance(one, str) and bool(one)


def _is_mount(one: Any) -> TypeIs[UrlMount]:
    return isinstance(one, UrlMount) and _PREFIX.fullmatch(one.prefix) is not None


def _is_page(one: Any) -> TypeIs[WorkerPage]:
    return isinstance(one, WorkerPage) and _PATH.fullmatch(one.path) is not None


def _is_service(one: Any) -> TypeIs[Service]:
    return isinstance(one, Service)
