"""Management commands, kept warm: imported once, their argument parsers built once."""

import gc
import signal
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from scheduler.domain.errors import SchedulerError, UnknownCommand

IMPORT_LIMIT_SECONDS = 30
"""A command's module that takes longer to import is refused: the fork server waits meanwhile."""

PROGRAM = "manage.py"


class CommandNotLoadable(SchedulerError):
    """A management command exists but cannot be imported or made."""

    code = "COMMAND_NOT_LOADABLE"

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(
            f"Management command {name!r} cannot be loaded ({why}); "
            f"try `{PROGRAM} {name} --help` on this host."
        )


class WarmCommand:
    """A loaded command class, and its parser where that may be built ahead."""

    def __init__(self, kind: type[BaseCommand], name: str) -> None:
        self._kind, self._name = kind, name
        command = kind()
        command._called_from_command_line = True  # type: ignore[attr-defined]
        self._parser = self._build(command) if has_constant_parser(kind) else None

    def run(self, args: Sequence[str]) -> None:
        """Run it as ``manage.py NAME ARGS`` would, once, in this process (which is then spent).

        Raises SystemExit with the command's exit code, and whatever the command raises. System
        checks are left to deployment: they would cost more than most jobs.
        """
        command = self._kind()
        command._called_from_command_line = True  # type: ignore[attr-defined]
        parser = self._parser or self._build(command)
        command.create_parser = lambda *_, **__: parser  # type: ignore[method-assign]
        sys.argv = [PROGRAM, self._name, *args]
        command.run_from_argv(sys.argv)

    def _build(self, command: BaseCommand) -> CommandParser:
        parser = command.create_parser(PROGRAM, self._name)
        if command.requires_system_checks:
            parser.set_defaults(skip_checks=True)
        return parser


class CommandCatalog:
    """The project's commands by name. For single-threaded use in the fork server."""

    def __init__(self) -> None:
        self._warm: dict[str, WarmCommand] = {}

    def check(self, name: str) -> None:
        """Raises UnknownCommand; imports nothing of the command."""
        known = get_commands()
        if name not in known:
            raise UnknownCommand(name, known)

    def resolve(self, name: str) -> WarmCommand:
        """The command, loaded on first use. Raises UnknownCommand or CommandNotLoadable."""
        found = self._warm.get(name)
        if found is None:
            found = self._warm[name] = self._load(name)
        return found

    def _load(self, name: str) -> WarmCommand:
        self.check(name)
        app: Any = get_commands()[name]
        threads = threading.active_count()
        try:
            with _time_limit(IMPORT_LIMIT_SECONDS):
                command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
                return WarmCommand(type(command), name)
        except (Exception, SystemExit) as error:
            raise CommandNotLoadable(name, f"{type(error).__name__}: {error}") from error
        finally:
            # A connection opened by an import must not be shared by forks.
            connections.close_all()
            # What was imported stays: kept from the collector, its pages stay shared with forks.
            # No collection before: it would take longer than the import, and a run may wait.
            gc.freeze()
            if threading.active_count() > threads:
                # Forks have no such thread; whoever waits for it there waits for ever.
                sys.stderr.write(f"command_starts_threads name={name} use=isolation:exec\n")


def has_constant_parser(kind: type[BaseCommand]) -> bool:
    """True when the command's arguments are the same at every moment, as far as its code shows.

    ``default=timezone.now()`` in ``add_arguments`` must be evaluated at each run, as a cold start
    does. So a parser is built ahead only where the code calls on nothing but argparse, built-in
    types and constants; for others it is built in the run (a millisecond).
    """
    if "create_parser" in _overridden(kind):
        return False
    bodies = [k.__dict__[_BODY] for k in _own_classes(kind) if _BODY in k.__dict__]
    return all(_is_constant(name) for body in bodies for name in _names(body))


_BODY = "add_arguments"

_CONSTANT_NAMES = frozenset(
    """
    add_argument add_argument_group add_mutually_exclusive_group add_subparsers add_parser
    set_defaults super argparse BooleanOptionalAction RawTextHelpFormatter SUPPRESS REMAINDER
    formatter_class add_arguments int str float bool list dict tuple set range len sorted
    json loads pathlib Path _ gettext_lazy
    """.split()  # noqa: SIM905 - thirty quoted words would hide what they are
)


def _is_constant(name: str) -> bool:
    return name in _CONSTANT_NAMES or name.isupper()


def _names(body: Any) -> set[str]:
    """Every global and attribute that a function's code names, inner functions left out: those
    given as ``type=`` run when arguments are parsed."""
    code = getattr(body, "__code__", None)
    return set(code.co_names) if isinstance(code, types.CodeType) else {"unknown"}


def _own_classes(kind: type[BaseCommand]) -> list[type]:
    return [k for k in kind.__mro__ if not k.__module__.startswith("django.core.management.base")]


def _overridden(kind: type[BaseCommand]) -> set[str]:
    return {name for k in _own_classes(kind) for name in k.__dict__ if k is not object}


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    def too_long(*_: object) -> None:
        raise TimeoutError(f"took over {seconds} s to import")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def reseed_random() -> None:
    """Make this fork's random numbers its own. Python itself reseeds only ``random``."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
