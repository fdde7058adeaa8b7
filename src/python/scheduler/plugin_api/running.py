"""What plugins have a say in when a run starts: its executor, and its environment."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeIs
from uuid import UUID

from scheduler.domain.errors import PluginProblem, SchedulerError, UnknownExecutor
from scheduler.domain.launching import run_environment
from scheduler.plugin_api.calls import PluginCalls, refuse_twice
from scheduler.plugin_api.failures import pass_on_interrupt
from scheduler.plugin_api.limits import DidNotAnswer
from scheduler.plugin_api.resolution import PREFIX
from scheduler.plugin_api.values import Executor, JobSketch, LaunchSite, LaunchSpec, StartOrder

EXECUTOR_SECONDS = 5.0
ENVIRONMENT_SECONDS = 0.5
ENVIRONMENT = "scheduler_run_environment"
NOTHING_ADDED: Mapping[str, str] = MappingProxyType({})

type Environments = Mapping[UUID, Mapping[str, str]]


class Running:
    """Executors by name, and the environment that plugins add."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls
        self._executors: dict[str, Executor] | None = None
        self._owners: dict[str, str] = {}
        self._adders = calls.having(ENVIRONMENT)

    @property
    def executors(self) -> Mapping[str, Executor]:
        if self._executors is None:
            self._executors = self._all_executors()
        return self._executors

    def prepare(
        self, order: StartOrder, site: LaunchSite, environment: Mapping[str, str] = NOTHING_ADDED
    ) -> LaunchSpec:
        executor = self._executor(order.executor)
        try:
            spec = self._within(order.executor, lambda: executor.launch(order, site))
            _refuse_malformed(spec)
        except DidNotAnswer as error:
            raise self._broke(order.executor, error) from error
        except SchedulerError:
            raise
        except BaseException as error:
            pass_on_interrupt(error)
            raise self._broke(order.executor, error) from error
        return _completed(spec, order, site, environment)

    def environments(self, orders: Sequence[StartOrder]) -> Callable[[], Environments]:
        """One call of each plugin, however many orders: handing a call to another thread costs
        more than the call."""
        begun = [(plugin, self._begin_adding(plugin, orders)) for plugin in self._adders]

        def found() -> Environments:
            added: dict[UUID, dict[str, str]] = {order.run_id: {} for order in orders}
            for plugin, answered in begun:
                for run_id, answer in answered().items():
                    added[run_id] |= self._allowed(plugin, answer)
            return added

        return found

    def validate_job(self, executor: str, job: JobSketch) -> str | None:
        try:
            found = self._executor(executor)
            return self._within(executor, lambda: _sentence(found.validate_job(job)))
        except DidNotAnswer as error:
            return str(self._broke(executor, error))
        except SchedulerError as error:
            return str(error)
        except BaseException as error:
            pass_on_interrupt(error)
            return str(self._broke(executor, error))

    def _all_executors(self) -> dict[str, Executor]:
        executors: dict[str, Executor] = {}
        self._owners = {}
        for name, executor in self._calls.offered("scheduler_executors", _is_executor):
            refuse_twice("executor", executor.name, name, self._owners)
            executors[executor.name] = executor
        return executors

    def _executor(self, name: str) -> Executor:
        if name not in self.executors:
            raise UnknownExecutor(name, self.executors)
        return self.executors[name]

    def _within[T](self, executor: str, call: Callable[[], T]) -> T:
        owner = self._owners[executor]
        if self._calls.trusts(owner):
            return call()
        return self._calls.limits.call(
            owner, f"executor {executor}", call, EXECUTOR_SECONDS, often=True
        )

    def _broke(self, executor: str, error: BaseException) -> PluginProblem:
        owner = self._owners[executor]
        self._calls.failures.add(owner, f"executor {executor}", error)
        if isinstance(error, DidNotAnswer):
            problem = f"did not answer in time in its executor {executor!r}"
        else:
            problem = f"raised {type(error).__name__} in its executor {executor!r}"
        return PluginProblem(owner, problem, "see the log, and report it to the plugin's author")

    def _begin_adding(
        self, plugin: str, orders: Sequence[StartOrder]
    ) -> Callable[[], dict[UUID, dict[Any, Any]]]:
        """The answers for the orders that one plugin was asked for within the limit."""
        answers: dict[UUID, dict[Any, Any]] = {}

        def ask_all() -> None:
            for order in orders:
                ask = self._calls.hook(plugin, ENVIRONMENT, {"order": order})
                try:
                    answers[order.run_id] = _merged(ask()) if ask else {}
                except BaseException as error:
                    pass_on_interrupt(error)
                    self._calls.failures.add(plugin, ENVIRONMENT, error)

        wait = self._calls.begun(plugin, ENVIRONMENT, ask_all, ENVIRONMENT_SECONDS)

        def answered() -> dict[UUID, dict[Any, Any]]:
            wait()
            # A copy: a call that was left behind may still add to it.
            return dict(answers)

        return answered

    def _allowed(self, plugin: str, answer: Mapping[Any, Any]) -> dict[str, str]:
        """What of an answer reaches the run; the rest is counted as a failure."""
        good = {name: text for name, text in answer.items() if _is_free(name, text)}
        bad = sorted(str(name) for name in answer if name not in good)
        if bad:
            error = ValueError(
                f"left out: {', '.join(bad)}; names and values are text in UTF-8 without NUL, "
                f"and no name is empty, holds = or begins with {PREFIX}"
            )
            self._calls.failures.add(plugin, ENVIRONMENT, error)
        return good


def _merged(answers: Iterable[Any]) -> dict[Any, Any]:
    """The answers as a mapping of ours: going through one of the plugin's runs its code."""
    found: dict[Any, Any] = {}
    for answer in answers:
        if not isinstance(answer, Mapping):
            raise TypeError(f"the answer is a {type(answer).__name__}, no mapping")
        found |= dict(answer)
    return found


def _sentence(answer: Any) -> str | None:
    if answer is None or isinstance(answer, str):
        return answer
    raise TypeError(f"validate_job answered a {type(answer).__name__}, neither text nor None")


def _is_free(name: Any, text: Any) -> bool:
    if not (isinstance(name, str) and isinstance(text, str)):
        return False
    try:
        os.fsencode(name + text)
    except UnicodeEncodeError:
        return False
    spelt = bool(name) and "=" not in name and "\0" not in name + text
    return spelt and not name.startswith(PREFIX)


def _refuse_malformed(spec: Any) -> None:
    if not isinstance(spec, LaunchSpec):
        raise TypeError(f"launch answered {spec!r}, no LaunchSpec")
    if not spec.argv or not all(isinstance(word, str) for word in spec.argv):
        raise TypeError(f"argv is {spec.argv!r}, not a command and its arguments as text")
    given: list[object] = [*spec.env.keys(), *spec.env.values()]
    strange = [one for one in given if not isinstance(one, str)]
    if strange:
        raise TypeError(f"env holds a {type(strange[0]).__name__}; names and values are text")


def _completed(
    spec: LaunchSpec, order: StartOrder, site: LaunchSite, added: Mapping[str, str]
) -> LaunchSpec:
    return LaunchSpec(
        run_id=order.run_id,
        argv=tuple(spec.argv),
        env={**added, **spec.env, **run_environment(order, site.worker_id)},
        log_path=site.log_path,
        isolation=order.isolation,
        timeout_seconds=order.timeout_seconds,
        kill_grace_seconds=order.kill_grace_seconds,
        executor=order.executor,
    )


def _is_executor(one: Any) -> TypeIs[Executor]:
    return isinstance(one, Executor) and isinstance(one.name, str)
