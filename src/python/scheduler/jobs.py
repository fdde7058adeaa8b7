"""``@scheduled``: declare a job where its code stands.

::

    from scheduler.jobs import scheduled

    @scheduled(daily_at="02:30", timezone="Asia/Tokyo")
    def close_the_books(month: str = "last") -> None: ...          # in an app's jobs.py

    @scheduled(cron="*/5 * * * *", args={"quick": True})
    class Command(BaseCommand): ...                                # a management command

The decorator returns what it decorates, unchanged. It may be used several times on one object,
each time with a ``name`` of its own. Light: it may be imported before Django's apps are ready.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.apps import apps
from django.core.management.base import BaseCommand

from scheduler.domain.declaring import CODE, schedule_of
from scheduler.domain.errors import InvalidDeclaration, SchedulerError
from scheduler.domain.launching import CALL_COMMAND, POSITIONAL

Target = TypeVar("Target")
COMMANDS = ".management.commands."
SET_BY_THE_DECORATOR = ("command", "command_name", "executor")
FUNCTION = "_function"
"""In the arguments of a job that calls a function by path: the key that holds the path."""


class FunctionNotRegistered(SchedulerError):
    """A run asks for a function that no ``@scheduled`` of this version of the code registers."""

    code = "FUNCTION_NOT_REGISTERED"

    def __init__(self, what: str, known: tuple[str, ...]) -> None:
        self.what, self.known = what, known
        shown = ", ".join(known[:20]) or "none"
        super().__init__(
            f"No function is registered for {what}; only functions decorated with @scheduled in "
            f"an app's jobs.py are called. Registered: {shown}."
        )


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One use of the decorator. ``where`` is file:line."""

    name: str
    target: Any
    where: str
    stated: Mapping[str, Any]

    @property
    def path(self) -> str:
        """module.qualname of what it decorates."""
        return f"{self.target.__module__}.{self.target.__qualname__}"

    @property
    def owner(self) -> str:
        return f"{CODE}{self.target.__module__}:{self.target.__qualname__}"

    @property
    def is_function(self) -> bool:
        return not inspect.isclass(self.target)


_REGISTERED: dict[tuple[str, str], Scheduled] = {}


def scheduled(name: str | None = None, **fields: Any) -> Callable[[Target], Target]:
    """Declare a job for a management command class, or a function of an app's ``jobs.py``.

    ``name``: the job's; default: the command's, or ``<package>.<function>``. ``fields``: those of
    JobDefinition that may be edited, ``args`` (what it is called with), and at most one of
    ``cron="*/5 * * * *"``, ``every=timedelta(...)`` or seconds, ``daily_at="02:30"``,
    ``at=datetime(...)`` or ISO 8601, ``schedule={...}`` (any form); none: by hand only.

    Raises InvalidDeclaration (file, object, field, what is allowed) at import; where Django's
    apps are not ready yet, names of fields are checked when the jobs are discovered instead.
    """
    caller = sys._getframe(1)
    where = f"{caller.f_code.co_filename}:{caller.f_lineno}"

    def register(target: Target) -> Target:
        entry = _entry(name, target, where, fields)
        _REGISTERED[entry.owner, entry.name] = entry
        return target

    return register


def registered() -> tuple[Scheduled, ...]:
    """All uses of the decorator in modules imported so far, in order of import."""
    return tuple(_REGISTERED.values())


def function_of(job: str, path: str | None = None) -> Callable[..., Any]:
    """The registered function of a dotted path, or else of a job's name. Imports nothing.

    Raises FunctionNotRegistered."""
    functions = [entry for entry in registered() if entry.is_function]
    for entry in functions:
        if path == entry.path if path is not None else job == entry.name:
            found: Callable[..., Any] = entry.target
            return found
    what = f"path {path!r}" if path is not None else f"job {job!r}"
    raise FunctionNotRegistered(what, tuple(sorted({entry.path for entry in functions})))


def bound(function: Callable[..., Any], args: Any) -> inspect.BoundArguments:
    """A job's arguments as those of a function: a list is positional; an object names them, with
    positional ones under ``_``. Raises TypeError in Python's words."""
    if isinstance(args, Mapping):
        named = {key: value for key, value in args.items() if key not in (POSITIONAL, FUNCTION)}
        positional = args.get(POSITIONAL) or []
        if not isinstance(positional, list | tuple):
            raise TypeError("'_' is not a list")
        return inspect.signature(function).bind(*positional, **named)
    return inspect.signature(function).bind(*(args or ()))


def _entry(name: str | None, target: Any, where: str, fields: dict[str, Any]) -> Scheduled:
    _check_target(target, where)
    is_class = inspect.isclass(target)
    label = name if name is not None else _default_name(target)
    stated = {**fields, "command_name": _command_of(target) if is_class else CALL_COMMAND}
    entry = Scheduled(label, target, where, stated)
    for key in SET_BY_THE_DECORATOR:
        if key in fields:
            raise _wrong(entry, key, "what is decorated says it", "nothing here")
    _check_fields(entry)
    if not is_class:
        _check_call(entry)
    return entry


def _check_fields(entry: Scheduled) -> None:
    try:
        schedule_of(entry.stated)
    except ValueError as error:
        raise _wrong(entry, *error.args) from None
    if apps.models_ready:
        from scheduler.requests.declared.fields import resolve

        resolve(entry.name, entry.stated, lambda key: place(entry))


def place(entry: Scheduled) -> str:
    """Where a declaration stands, for sentences: file:line, object."""
    return f"{entry.where}, {entry.target.__qualname__}"


def _check_target(target: Any, where: str) -> None:
    allowed = "a management command class, or a plain function at the top of an app's jobs.py"
    named = getattr(target, "__qualname__", type(target).__name__)
    if inspect.isclass(target):
        is_command = issubclass(target, BaseCommand) and COMMANDS in f".{target.__module__}"
        if not is_command:
            raise InvalidDeclaration(
                where, named, "", "it is a class, but no command of an app", allowed
            )
    elif not inspect.isfunction(target) or inspect.iscoroutinefunction(target):
        raise InvalidDeclaration(where, named, "", "it is not a plain function", allowed)
    elif "<locals>" in named or "." in named:
        raise InvalidDeclaration(where, named, "", "it is not at the top of its module", allowed)


def _check_call(entry: Scheduled) -> None:
    args = entry.stated.get("args", entry.stated.get("default_args_json"))
    try:
        bound(entry.target, args)
    except TypeError as error:
        allowed = f"what {entry.target.__name__}{inspect.signature(entry.target)} takes"
        raise _wrong(entry, "args", str(error), allowed) from None


def _wrong(entry: Scheduled, field: str, problem: str, allowed: str) -> InvalidDeclaration:
    return InvalidDeclaration(place(entry), entry.name, field, problem, allowed)


def _command_of(target: Any) -> str:
    return str(target.__module__.rpartition(".")[2])


def _default_name(target: Any) -> str:
    if inspect.isclass(target):
        return _command_of(target)
    package = target.__module__.removesuffix(".jobs").rpartition(".")[2]
    return f"{package}.{target.__name__}"
