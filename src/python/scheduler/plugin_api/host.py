"""The plugins at work: asked through their hooks, each kept from harming the rest."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TypeIs

from scheduler.domain.errors import PluginProblem, SchedulerError, UnknownExecutor
from scheduler.domain.launching import run_environment
from scheduler.domain.transitions import ALLOWED
from scheduler.plugin_api.loading import Installed, load_plugins, registered
from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.masking import mask_text
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.resolution import (
    PREFIX,
    Problem,
    Resolved,
    after_reload,
    changed,
    resolve,
)
from scheduler.plugin_api.settings import SettingsModel, specs
from scheduler.plugin_api.values import (
    Alert,
    Executor,
    HealthCheck,
    HealthReport,
    HealthStatus,
    JobSketch,
    LaunchSite,
    LaunchSpec,
    RunState,
    RunTransition,
    StartOrder,
)

log = get_logger("scheduler.plugins")


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """How often one hook of one plugin raised in this process, and what it said last."""

    plugin: str
    hook: str
    count: int
    last_error: str
    last_at: datetime


@dataclass(frozen=True, slots=True)
class HealthResult:
    """A check's answer, with whose check it is."""

    plugin: str
    check: str
    report: HealthReport


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload did: the keys now in force, those that wait for a restart, and bad rows."""

    applied: tuple[str, ...]
    waiting: tuple[str, ...]
    problems: tuple[Problem, ...]


class PluginFailures:
    """Counts what went wrong in plugins. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[tuple[str, str], PluginFailure] = {}

    def add(self, plugin: str, hook: str, error: BaseException) -> None:
        """Count and log one failure. The exception being handled goes into the log."""
        text = mask_text(f"{type(error).__name__}: {error}")
        with self._lock:
            before = self._found.get((plugin, hook))
            count = before.count + 1 if before else 1
            failure = PluginFailure(plugin, hook, count, text, datetime.now(UTC))
            self._found[plugin, hook] = failure
        log.warning(
            "plugin_failed", plugin=plugin, hook=hook, count=count, error=text, exc_info=error
        )

    def all(self) -> tuple[PluginFailure, ...]:
        """Every pair of plugin and hook that failed, in the order of first failure."""
        with self._lock:
            return tuple(self._found.values())


class PluginHost:
    """The plugins of this process. Make it with :meth:`load`, then :meth:`configure` it."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self._managers = {plugin.name: registered(plugin) for plugin in plugins}
        self._failures = PluginFailures()
        self._resolved: dict[type[SettingsModel], Resolved[Any]] = {}
        self._models = self._all_models()
        self._executors: dict[str, Executor] | None = None
        self._executor_owners: dict[str, str] = {}
        self._checks: list[tuple[str, HealthCheck]] | None = None

    @classmethod
    def load(cls, names: Iterable[str], installed: Installed | None = None) -> "PluginHost":
        """Load what ``SCHEDULER_PLUGINS`` lists. Raises PluginProblem for what is wrong with it."""
        return cls(load_plugins(names, installed))

    # ---------------------------------------------------------------------------- settings

    @property
    def settings_models(self) -> tuple[type[SettingsModel], ...]:
        """All groups of settings, the core's first."""
        return self._models

    def configure(
        self, *, rows: Mapping[str, str], environ: Mapping[str, str]
    ) -> tuple[Resolved[Any], ...]:
        """Resolve all settings and hand each plugin its own; again after a reload.

        Raises InvalidSetting or SettingsConflict for the environment's; bad rows are told in the
        answers' ``problems``. Nothing changes when it raises.
        """
        resolved = {
            model: resolve(model, rows=rows, environ=environ) for model in self.settings_models
        }
        self._apply(resolved.values())
        return tuple(resolved.values())

    def reload(self, *, rows: Mapping[str, str], environ: Mapping[str, str]) -> Reload:
        """Take up changed settings while running; nothing that is wrong stops anybody.

        What needs a restart keeps its value. A group that cannot be resolved stays as it is.
        """
        applied, waiting, problems, merged = [], [], [], []
        for model, old in self._resolved.items():
            try:
                new = resolve(model, rows=rows, environ=environ)
            except SchedulerError as error:
                problems.append(Problem(f"{PREFIX}*", f"{error} The settings stay as they are."))
                continue
            now = after_reload(old, new)
            merged.append(now)
            problems += new.problems
            applied += [spec.key for spec in changed(old, now)]
            waiting += [spec.key for spec in changed(now, new)]
        self._apply(merged)
        return Reload(tuple(applied), tuple(waiting), tuple(problems))

    def resolved[M: SettingsModel](self, model: type[M]) -> Resolved[M]:
        """The settings in force of one group."""
        return self._resolved[model]

    # --------------------------------------------------------------------------- executors

    @property
    def executors(self) -> Mapping[str, Executor]:
        """All executors by name. Raises PluginProblem for a name that two plugins want."""
        if self._executors is None:
            self._executors = self._all_executors()
        return self._executors

    def prepare(self, order: StartOrder, site: LaunchSite) -> LaunchSpec:
        """The process of an order: the executor's word on what to run, the order's on all else.

        Raises UnknownExecutor, or another SchedulerError for a bad order.
        """
        executor = self._executor(order.executor)
        try:
            return _completed(executor.launch(order, site), order, site)
        except SchedulerError:
            raise
        except Exception as error:
            raise self._executor_broke(order.executor, error) from error

    def validate_job(self, executor: str, job: JobSketch) -> str | None:
        """None, or the sentence that says why the job cannot be run as it is."""
        try:
            return self._executor(executor).validate_job(job)
        except SchedulerError as error:
            return str(error)
        except Exception as error:
            return str(self._executor_broke(executor, error))

    # ------------------------------------------------------------------------- transitions

    def transition_readers(self) -> dict[str, frozenset[RunState]]:
        """The plugins that are to be told of transitions, with the states each declared."""
        return {plugin.name: plugin.run_states for plugin in self.plugins if plugin.run_states}

    def declared_transitions(self) -> frozenset[tuple[RunState, RunState]]:
        """Every allowed (old, new) that some plugin is to be told of: what the outbox holds."""
        wanted = frozenset[RunState]().union(*self.transition_readers().values())
        return frozenset(
            (old, new) for old, moves in ALLOWED.items() for new in moves if new in wanted
        )

    def deliver(self, plugin: str, transitions: Sequence[RunTransition]) -> bool:
        """Tell one plugin, of those in its ``run_states``; False when it failed and is to be told
        the same again."""
        reader = next(one for one in self.plugins if one.name == plugin)
        wanted = [one for one in transitions if one.new in reader.run_states]
        if not wanted:
            return True
        arguments = {"transitions": tuple(wanted)}
        return self._ask(reader.name, "scheduler_run_transitioned", arguments) is not None

    # ------------------------------------------------------------------------------ alerts

    def alert_readers(self) -> tuple[str, ...]:
        """The plugins that hear of alerts."""
        return tuple(
            name
            for name, manager in self._managers.items()
            if manager.hook.scheduler_alert.get_hookimpls()
        )

    def deliver_alerts(self, plugin: str, alerts: Sequence[Alert]) -> bool:
        """Tell one plugin, in order, until it fails; False then: it is to be told the same
        again."""
        return all(
            self._ask(plugin, "scheduler_alert", {"alert": alert}) is not None for alert in alerts
        )

    # ------------------------------------------------------------------------------ health

    def health(self) -> tuple[HealthResult, ...]:
        """Ask every check. A check that raises is reported as FAILING."""
        if self._checks is None:
            self._checks = [
                (plugin.name, check)
                for plugin in self.plugins
                for check in self._offers(plugin.name, "scheduler_health_checks", _is_check)
            ]
        return tuple(
            HealthResult(name, check.name, self._report(name, check))
            for name, check in self._checks
        )

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        """What went wrong in plugins since this process started."""
        return self._failures.all()

    # ----------------------------------------------------------------------------- inside

    def _apply(self, resolved: Iterable[Resolved[Any]]) -> None:
        """Put resolved settings in force, and hand each plugin its own."""
        self._resolved |= {type(one.settings): one for one in resolved}
        for plugin in self.plugins:
            if plugin.settings_model in self._resolved:
                plugin.settings = self._resolved[plugin.settings_model].settings

    def _ask(
        self, plugin: str, hook: str, arguments: Mapping[str, Any] | None = None
    ) -> list[Any] | None:
        """The answer of one plugin in a list, empty where it has no such hook; None: it raised."""
        try:
            caller = getattr(self._managers[plugin].hook, hook)
            return list(caller(**(arguments or {})))
        # SystemExit too: a plugin must not be able to end the worker's thread in silence.
        except (Exception, SystemExit) as error:
            self._failures.add(plugin, hook, error)
            return None

    def _offers[T](self, plugin: str, hook: str, is_one: Callable[[Any], TypeIs[T]]) -> list[T]:
        """What a plugin brings through a hook; nothing of it where one thing is not of the kind."""
        offers = [one for answer in self._ask(plugin, hook) or () for one in _listed(answer)]
        strangers = [one for one in offers if not is_one(one)]
        if strangers:
            error = TypeError(f"the answer holds {strangers[0]!r}, which the hook does not ask for")
            self._failures.add(plugin, hook, error)
            return []
        return offers

    def _all_models(self) -> tuple[type[SettingsModel], ...]:
        models: list[type[SettingsModel]] = []
        owners: dict[str, str] = {}
        for plugin in self.plugins:
            for model in self._offers(plugin.name, "scheduler_settings", _is_settings):
                for key in _keys(plugin.name, model):
                    _refuse_twice("setting", key, plugin.name, owners)
                models.append(model)
        return tuple(models)

    def _all_executors(self) -> dict[str, Executor]:
        executors: dict[str, Executor] = {}
        self._executor_owners = {}
        for plugin in self.plugins:
            for executor in self._offers(plugin.name, "scheduler_executors", _is_executor):
                _refuse_twice("executor", executor.name, plugin.name, self._executor_owners)
                executors[executor.name] = executor
        return executors

    def _executor(self, name: str) -> Executor:
        if name not in self.executors:
            raise UnknownExecutor(name, self.executors)
        return self.executors[name]

    def _executor_broke(self, executor: str, error: Exception) -> PluginProblem:
        owner = self._executor_owners[executor]
        self._failures.add(owner, f"executor {executor}", error)
        problem = f"raised {type(error).__name__} in its executor {executor!r}"
        return PluginProblem(owner, problem, "see the log, and report it to the plugin's author")

    def _report(self, plugin: str, check: HealthCheck) -> HealthReport:
        try:
            report = check.ask()
            if not isinstance(report, HealthReport):
                raise TypeError(f"the check answered {report!r}, no HealthReport")
        except (Exception, SystemExit) as error:
            self._failures.add(plugin, f"health check {check.name}", error)
            summary = mask_text(f"The check itself failed: {error}")
            return HealthReport(HealthStatus.FAILING, summary)
        return report


def _completed(spec: LaunchSpec, order: StartOrder, site: LaunchSite) -> LaunchSpec:
    if not spec.argv or not all(isinstance(word, str) for word in spec.argv):
        raise TypeError(f"argv is {spec.argv!r}, not a command and its arguments as text")
    given: list[object] = [*spec.env.keys(), *spec.env.values()]
    strange = [one for one in given if not isinstance(one, str)]
    if strange:
        raise TypeError(f"env holds a {type(strange[0]).__name__}; names and values are text")
    return LaunchSpec(
        run_id=order.run_id,
        argv=tuple(spec.argv),
        env={**spec.env, **run_environment(order, site.worker_id)},
        log_path=site.log_path,
        isolation=order.isolation,
        timeout_seconds=order.timeout_seconds,
        kill_grace_seconds=order.kill_grace_seconds,
        executor=order.executor,
    )


def _listed(answer: Any) -> Iterable[Any]:
    return answer if isinstance(answer, list | tuple) else (answer,)


def _is_settings(one: Any) -> TypeIs[type[SettingsModel]]:
    return isinstance(one, type) and issubclass(one, SettingsModel)


def _is_executor(one: Any) -> TypeIs[Executor]:
    return isinstance(one, Executor) and isinstance(one.name, str)


def _is_check(one: Any) -> TypeIs[HealthCheck]:
    return isinstance(one, HealthCheck)


def _keys(plugin: str, model: type[SettingsModel]) -> tuple[str, ...]:
    try:
        keys = tuple(spec.key for spec in specs(model))
    except TypeError as error:
        raise PluginProblem(plugin, f"has a bad setting ({error})", "see docs/plugins.md") from None
    stranger = next((key for key in keys if not key.startswith(PREFIX)), None)
    if stranger:
        raise PluginProblem(
            plugin, f"has the setting {stranger}", f"its env_prefix must begin with {PREFIX}"
        )
    return keys


def _refuse_twice(kind: str, name: str, plugin: str, owners: dict[str, str]) -> None:
    if name in owners:
        raise PluginProblem(
            plugin,
            f"brings the {kind} {name!r}, as plugin {owners[name]!r} does",
            "take one of the two out of SCHEDULER_PLUGINS",
        )
    owners[name] = plugin
