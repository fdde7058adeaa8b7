"""How a plugin's hooks are called: each failure caught and counted, each wait bounded.

The core's own plugin is called directly: it is trusted, and on the way of every run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeIs

from scheduler.domain.errors import PluginProblem
from scheduler.plugin_api.core_plugin import CorePlugin
from scheduler.plugin_api.failures import PluginFailures, pass_on_interrupt
from scheduler.plugin_api.limits import Limits, Pending
from scheduler.plugin_api.loading import registered
from scheduler.plugin_api.plugin import Plugin

START_SECONDS = 5.0
START_LANE = "start"
"""For the hooks that are asked once, while a process starts: a plugin that hangs in one of them is
asked none of the others, and so holds up the start once."""


class PluginCalls:
    """The plugins of this process, asked one by one."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self.failures = PluginFailures()
        self.limits = Limits()
        self._managers = {plugin.name: registered(plugin) for plugin in plugins}
        self._trusted = {plugin.name for plugin in plugins if isinstance(plugin, CorePlugin)}

    def having(self, hook: str) -> tuple[str, ...]:
        """The plugins that implement a hook, in order."""
        return tuple(
            name
            for name, manager in self._managers.items()
            if getattr(manager.hook, hook).get_hookimpls()
        )

    def trusts(self, plugin: str) -> bool:
        """Whether the plugin is the core's own."""
        return plugin in self._trusted

    def ask(
        self,
        plugin: str,
        hook: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        seconds: float | None,
        lane: str = "",
        often: bool = False,
    ) -> list[Any] | None:
        """The answer of one plugin in a list, empty where it has no such hook; None: it failed.

        ``seconds`` None: no limit; for callers that have a thread for it. ``lane`` and ``often``
        as in ``Limits.call``.
        """
        call = self.hook(plugin, hook, arguments)
        return (
            []
            if call is None
            else self.guarded(plugin, hook, call, seconds, lane=lane, often=often)
        )

    def hook(
        self, plugin: str, hook: str, arguments: Mapping[str, Any] | None = None
    ) -> Callable[[], list[Any]] | None:
        """What asks the hook of one plugin; None where it has no such hook."""
        caller = getattr(self._managers[plugin].hook, hook)
        if not caller.get_hookimpls():
            return None
        return lambda: list(caller(**(arguments or {})))

    def guarded[T](
        self,
        plugin: str,
        what: str,
        call: Callable[[], T],
        seconds: float | None,
        *,
        lane: str = "",
        often: bool = False,
    ) -> T | None:
        """What ``call`` returns; None, and a failure counted, where it raises or takes too long."""
        try:
            if seconds is None or self.trusts(plugin):
                with self.limits.watched(plugin, what):
                    return call()
            return self.limits.call(plugin, what, call, seconds, lane=lane, often=often)
        except BaseException as error:
            pass_on_interrupt(error)
            self.failures.add(plugin, what, error)
            return None

    def begun[T](
        self, plugin: str, what: str, call: Callable[[], T], seconds: float
    ) -> Callable[[], T | None]:
        """``call`` is under way on a thread that the plugin keeps; the answer waits for it, as
        ``guarded`` does. Never asked, it is let go, and a failure is not counted."""
        begun = self._begun(plugin, what, call, seconds, often=True)
        return lambda: self._ended(*begun)[0]

    def side_by_side[T](
        self, calls: Iterable[tuple[str, str, Callable[[], T]]], seconds: float
    ) -> list[tuple[T | None, BaseException | None]]:
        """For each (plugin, what, call) its value, or its error (counted); all at the same time."""
        begun = [self._begun(plugin, what, call, seconds) for plugin, what, call in calls]
        return [self._ended(*one) for one in begun]

    def _begun[T](
        self, plugin: str, what: str, call: Callable[[], T], seconds: float, *, often: bool = False
    ) -> tuple[str, str, Pending[T] | Exception]:
        try:
            return plugin, what, self.limits.begin(plugin, what, call, seconds, often=often)
        except Exception as error:
            return plugin, what, error

    def _ended[T](
        self, plugin: str, what: str, pending: Pending[T] | Exception
    ) -> tuple[T | None, BaseException | None]:
        try:
            if isinstance(pending, Exception):
                raise pending
            return pending.result(), None
        except BaseException as error:
            pass_on_interrupt(error)
            self.failures.add(plugin, what, error)
            return None, error

    def offers[T](
        self,
        plugin: str,
        hook: str,
        is_one: Callable[[Any], TypeIs[T]],
        arguments: Mapping[str, Any] | None = None,
    ) -> list[T]:
        """What a plugin brings through a hook; nothing of it where one thing is not of the kind."""
        return self.brought(plugin, hook, is_one, arguments, lane=START_LANE) or []

    def brought[T](
        self,
        plugin: str,
        hook: str,
        is_one: Callable[[Any], TypeIs[T]],
        arguments: Mapping[str, Any] | None = None,
        *,
        lane: str = "",
    ) -> list[T] | None:
        """The same; None where it failed."""
        call = self.hook(plugin, hook, arguments)
        if call is None:
            return []

        def ask() -> list[T]:
            return checked(call(), is_one)

        return self.guarded(plugin, hook, ask, START_SECONDS, lane=lane)

    def offered[T](
        self,
        hook: str,
        is_one: Callable[[Any], TypeIs[T]],
        arguments: Mapping[str, Any] | None = None,
    ) -> list[tuple[str, T]]:
        """What all plugins bring through a hook, each with its plugin's name."""
        return [
            (plugin.name, one)
            for plugin in self.plugins
            for one in self.offers(plugin.name, hook, is_one, arguments)
        ]


def checked[T](answers: Iterable[Any], is_one: Callable[[Any], TypeIs[T]]) -> list[T]:
    """The things in a hook's answers. Raises TypeError where one is not of the kind; looking at
    them runs code of the plugin, so this belongs into the guarded call."""
    found = [one for answer in answers for one in _listed(answer)]
    strangers = [one for one in found if not is_one(one)]
    if strangers:
        raise TypeError(f"the answer holds {strangers[0]!r}, which the hook does not ask for")
    return found


def refuse_twice(kind: str, name: str, plugin: str, owners: dict[str, str]) -> None:
    """Note that ``plugin`` brings ``name``. Raises PluginProblem where another does too."""
    if name in owners:
        raise PluginProblem(
            plugin,
            f"brings the {kind} {name!r}, as plugin {owners[name]!r} does",
            "take one of the two out of SCHEDULER_PLUGINS",
        )
    owners[name] = plugin


def _listed(answer: Any) -> Iterable[Any]:
    return answer if isinstance(answer, list | tuple) else (answer,)
