"""The plugins of a worker, and all that the worker does for them.

::

    made (before the worker's parts) -> its ``leadership`` and ``runs_finished`` go into the parts
    -> attached (pages, services asked for) -> started -> stopping

What a plugin does not implement costs nothing: no thread, no queue.
"""

from contextlib import ExitStack
from functools import partial

from scheduler.bootstrap.leadership_news import LeadershipNews
from scheduler.bootstrap.plugin_services import PluginServices
from scheduler.bootstrap.plugin_states import PluginStates
from scheduler.bootstrap.run_measures import RunMeasures
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.services import WorkerView
from scheduler.runtime.member import Term
from scheduler.runtime.parts import Parts
from scheduler.runtime.supervisor import Loop
from scheduler.transport.pages import Pages, PageServer

SERVICES_END_SECONDS = 5.0
LOOP_END_SECONDS = 5.0
LAST_MEASURES_SECONDS = 2.0


class WorkerPlugins:
    """Made before any thread of the worker; starts nothing before ``started``."""

    def __init__(self, host: PluginHost) -> None:
        self._host = host
        self._news = LeadershipNews(host) if host.leadership_readers() else None
        self._measures = RunMeasures(host) if host.measure_readers() else None
        self.runs_finished = self._measures.push if self._measures else None
        self._states: PluginStates | None = None
        self._services: PluginServices | None = None
        self._view: WorkerView | None = None
        self._loops: list[Loop] = []

    def term_changed(self, term: Term | None) -> None:
        """For the leader's thread; neither waits nor raises."""
        if self._news is not None:
            self._news.changed(term)
        if self._services is not None and term is not None:
            self._services.term_began()

    def attach(self, parts: Parts, view: WorkerView, core: CoreSettings, undo: ExitStack) -> None:
        """Ask the plugins for their pages and services; serve the pages until ``undo``.

        Raises PluginProblem for a path that two plugins want, or WorkerHttpUnavailable.
        """
        pages = self._pages(view)
        if core.worker_http_port:
            server = PageServer(core.worker_http_host, core.worker_http_port, pages)
            undo.callback(server.stop)
        self._services = PluginServices(
            self._host,
            parts.adapters.clock,
            always=self._host.worker_services(view),
            leading=self._host.leader_services(view),
            leads=lambda: parts.leadership.term is not None,
        )
        self._view = view
        self._make_loops(parts)

    def started(self) -> None:
        """The worker's loops run: start the plugins', then tell the plugins."""
        assert self._services is not None
        assert self._view is not None
        for loop in self._loops:
            loop.start()
        self._services.start()
        self._host.ready(self._view)

    def stopping(self) -> None:
        """The runs have ended: tell what is untold, let each plugin send what it holds, end."""
        assert self._services is not None
        for loop in self._loops:
            loop.ask_to_end()
        for loop in self._loops:
            loop.end(LOOP_END_SECONDS)
        if self._measures is not None:
            self._measures.tell_rest(LAST_MEASURES_SECONDS)
        if self._news is not None:
            self._news.tick(0.0)
        self._host.stopping()
        self._services.end(SERVICES_END_SECONDS)
        if self._states is not None:
            self._states.withdraw()

    def _make_loops(self, parts: Parts) -> None:
        clock = parts.adapters.clock
        if len(self._host.plugins) > 1:
            self._states = PluginStates(self._host, parts)
            self._loops.append(Loop("plugin-states", self._states.tick, clock))
        if self._news is not None:
            self._loops.append(Loop("leadership-news", self._news.tick, clock, self._news.wake))
        if self._measures is not None:
            wake = self._measures.wake
            self._loops.append(Loop("run-measures", self._measures.tick, clock, wake))

    def _pages(self, view: WorkerView) -> Pages:
        return {
            path: partial(self._host.answer, plugin, page)
            for path, (plugin, page) in self._host.worker_pages(view).items()
        }
