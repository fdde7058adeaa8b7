"""From the names in ``SCHEDULER_PLUGINS`` to checked plugins.

Installed is not enabled: only what is listed is loaded. Whatever is wrong with the list or with a
plugin's shape stops the start with a :class:`PluginProblem`; once running, a plugin can do no
harm (``plugin_api.host``).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module, metadata
from itertools import groupby
from operator import attrgetter
from typing import Any, NoReturn

import pluggy

from scheduler.domain.errors import PluginProblem
from scheduler.plugin_api.core_plugin import CorePlugin
from scheduler.plugin_api.failures import pass_on_interrupt, told
from scheduler.plugin_api.hookspecs import PROJECT, SchedulerHooks
from scheduler.plugin_api.masking import mask_text
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.values import RunState

ENTRY_POINT_GROUP = "scheduler.plugins"
HOOK_PREFIX = "scheduler_"
NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
"""Of a plugin: it is a key in the RDB and a label of figures."""

KNOWN_HOOKS = tuple(sorted(name for name in vars(SchedulerHooks) if name.startswith(HOOK_PREFIX)))

type Installed = Mapping[str, Callable[[], Any]]
"""Entry-point names of installed plugins, each with what loads it."""


def installed_plugins() -> dict[str, Callable[[], Any]]:
    """The plugins that installed packages offer, by entry-point name, in alphabetical order."""
    return {
        name: _loader(name, list(points))
        for name, points in groupby(_entry_points(), key=attrgetter("name"))
    }


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """What an installed package offers: its entry point, and the version of the package."""

    name: str
    target: str
    version: str


def offered_plugins() -> tuple[InstalledPlugin, ...]:
    """Every plugin that could be listed by its short name, in alphabetical order; none is
    loaded."""
    return tuple(
        InstalledPlugin(point.name, point.value, point.dist.version if point.dist else "")
        for point in _entry_points()
    )


def _entry_points() -> list[metadata.EntryPoint]:
    return sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=attrgetter("name", "value"))


def _loader(name: str, points: Sequence[metadata.EntryPoint]) -> Callable[[], Any]:
    """What loads the one that is meant; where packages offer different ones, it says so."""
    targets = sorted({point.value for point in points})

    def refuse() -> NoReturn:
        step = f"list the dotted path of the one you mean: {' or '.join(targets)}"
        raise PluginProblem(name, f"is offered by {len(targets)} packages", step)

    return points[0].load if len(targets) == 1 else refuse


def version_of(plugin: Plugin) -> str:
    """The version of the package that brings the plugin; empty where none is installed."""
    package = type(plugin).__module__.partition(".")[0]
    names = _distributions().get(package, ())
    return metadata.version(names[0]) if names else ""


@cache
def _distributions() -> Mapping[str, Sequence[str]]:
    """What each package belongs to; looked up in everything that is installed, so only once."""
    return metadata.packages_distributions()


def load_plugins(names: Iterable[str], installed: Installed | None = None) -> tuple[Plugin, ...]:
    """The core's plugin and those named, in order, made and checked. Raises PluginProblem."""
    offered = installed_plugins() if installed is None else installed
    plugins: list[Plugin] = [CorePlugin()]
    for name in names:
        plugin = _made(name, _found(name, offered))
        _refuse_namesake(name, plugin, plugins)
        check_plugin(plugin)
        plugins.append(plugin)
    return tuple(plugins)


def check_plugin(plugin: Plugin) -> None:
    """Raise PluginProblem unless the plugin's hooks are known, marked and take the right arguments.

    Fit for a plugin author's own tests.
    """
    for attribute in _marked_or_prefixed(plugin):
        _check_hook(plugin, attribute)
    registered(plugin)
    _check_run_states(plugin)


def registered(plugin: Plugin) -> pluggy.PluginManager:
    """A manager of this one plugin: what it raises can then reach no other.

    Raises PluginProblem for a hook with arguments that its specification lacks.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(SchedulerHooks)
    try:
        manager.register(plugin, plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        problem = " ".join(str(error).split())
        raise PluginProblem(
            plugin.name, f"has a wrong hook: {problem}", "see docs/plugins.md"
        ) from None
    return manager


def implements(plugin: Plugin, hook: str) -> bool:
    """Whether the plugin has an implementation of ``hook``."""
    return _options(plugin, hook) is not None


def _found(name: str, offered: Installed) -> Any:
    if name in offered:
        return _loaded(name, offered[name])
    module, separator, attribute = name.replace(":", ".").rpartition(".")
    if not separator:
        raise PluginProblem(name, "is not installed", f"installed are: {_listed(offered)}")
    return _loaded(name, lambda: getattr(import_module(module), attribute))


def _loaded(name: str, load: Callable[[], Any]) -> Any:
    # Whatever a foreign module raises at import means the same here: it cannot be used.
    try:
        return load()
    except PluginProblem:
        raise
    except BaseException as error:
        pass_on_interrupt(error)
        problem = f"cannot be imported ({mask_text(told(error))})"
        step = "correct SCHEDULER_PLUGINS, or the package that brings it"
        raise PluginProblem(name, problem, step) from error


def _listed(offered: Iterable[str]) -> str:
    return ", ".join(offered) or "none"


def _made(name: str, found: Any) -> Plugin:
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        raise PluginProblem(
            name, "is not a plugin class", "name a subclass of scheduler.plugin_api.plugin.Plugin"
        )
    try:
        plugin = found()
    except BaseException as error:
        pass_on_interrupt(error)
        problem = f"cannot be made ({mask_text(told(error))})"
        step = "its class must take no arguments, and reach for nothing when it is made"
        raise PluginProblem(name, problem, step) from error
    called: Any = plugin.name
    if not (isinstance(called, str) and NAME.fullmatch(called)):
        problem = f"has the name {called!r}" if called else "has no name"
        step = "set the class attribute name: lower-case letters, digits and _, at most 100"
        raise PluginProblem(name, problem, step)
    return plugin


def _refuse_namesake(listed_as: str, plugin: Plugin, others: Sequence[Plugin]) -> None:
    other = next((other for other in others if other.name == plugin.name), None)
    if other is not None:
        raise PluginProblem(
            listed_as,
            f"has the name {plugin.name!r}, as has {type(other).__module__}.{type(other).__name__}",
            "list each plugin once in SCHEDULER_PLUGINS, and give each its own name",
        )


def _marked_or_prefixed(plugin: Plugin) -> Iterator[str]:
    for attribute in dir(plugin):
        if attribute.startswith(HOOK_PREFIX) or _options(plugin, attribute) is not None:
            yield attribute


def _options(plugin: Plugin, attribute: str) -> Mapping[str, Any] | None:
    options: Mapping[str, Any] | None = getattr(
        getattr(type(plugin), attribute, None), f"{PROJECT}_impl", None
    )
    return options


def _check_hook(plugin: Plugin, attribute: str) -> None:
    options = _options(plugin, attribute)
    if attribute not in KNOWN_HOOKS:
        nearest = get_close_matches(attribute, KNOWN_HOOKS, n=1)
        step = f"did you mean {nearest[0]}?" if nearest else f"hooks are: {', '.join(KNOWN_HOOKS)}"
        raise PluginProblem(plugin.name, f"implements an unknown hook {attribute}", step)
    if options is None:
        raise PluginProblem(
            plugin.name, f"has {attribute} without its mark", "decorate it with hookimpl"
        )
    if any(value for key, value in options.items()):
        raise PluginProblem(
            plugin.name, f"asks for a special place in {attribute}", "use hookimpl without options"
        )


def _check_run_states(plugin: Plugin) -> None:
    listens = implements(plugin, "scheduler_run_transitioned")
    states: Any = plugin.run_states
    if not (isinstance(states, Set) and all(isinstance(one, RunState) for one in states)):
        step = "give a frozenset of members of RunState"
        raise PluginProblem(plugin.name, f"declares the run_states {states!r}", step)
    if listens and not plugin.run_states:
        raise PluginProblem(
            plugin.name, "listens to transitions of no state", "set its class attribute run_states"
        )
    if plugin.run_states and not listens:
        raise PluginProblem(
            plugin.name, "declares run_states for nothing", "implement scheduler_run_transitioned"
        )
