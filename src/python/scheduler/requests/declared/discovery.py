"""Finds what code declares: the apps' ``jobs.py`` modules, and their management commands."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.core.management import get_commands
from django.utils.module_loading import module_has_submodule

from scheduler.domain.declaring import Declaration
from scheduler.domain.errors import InvalidDeclaration
from scheduler.jobs import Scheduled, place, registered
from scheduler.requests.declared.fields import resolve

MODULE = "jobs"
WITHOUT_JOBS = ("django.", "scheduler")
"""Apps that declare none: Django's own, and this one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What code declares, and (module, reason) of what could not be imported."""

    declarations: tuple[Declaration, ...]
    broken: tuple[tuple[str, str], ...]


def import_job_modules() -> tuple[tuple[str, str], ...]:
    """Import the ``jobs`` module of each app that has one: its functions are registered then.

    One that cannot be imported hinders no other: returns (module, reason) of each. Raises
    InvalidDeclaration for a wrong ``@scheduled``."""
    having = (app for app in apps.get_app_configs() if _has_jobs(app))
    return _import(f"{app.name}.{MODULE}" for app in having)


def discover() -> Found:
    """Import all places where jobs are declared, and collect what they declare.

    Raises InvalidDeclaration for a wrong declaration, and for a name that is declared twice."""
    broken = (*import_job_modules(), *_import(_command_modules()))
    return Found(collected(registered()), broken)


def collected(entries: Iterable[Scheduled]) -> tuple[Declaration, ...]:
    """The declarations of these uses of the decorator, by name. Raises InvalidDeclaration."""
    found: dict[str, Declaration] = {}
    for entry in entries:
        if entry.name in found:
            allowed = f"a name of its own; {found[entry.name].where} has this one"
            raise InvalidDeclaration(
                place(entry), entry.name, "name", "it is declared twice", allowed
            )
        found[entry.name] = _declaration(entry)
    return tuple(found[name] for name in sorted(found))


def _declaration(entry: Scheduled) -> Declaration:
    fields, parts = resolve(entry.name, entry.stated, lambda key: place(entry))
    return Declaration(entry.name, entry.owner, entry.where, fields, parts)


def _command_modules() -> list[str]:
    commands: dict[str, Any] = get_commands()
    return [
        f"{app}.management.commands.{name}"
        for name, app in sorted(commands.items())
        if isinstance(app, str) and not f"{app}.".startswith(tuple(_prefixes()))
    ]


def _prefixes() -> list[str]:
    return [f"{app.rstrip('.')}." for app in WITHOUT_JOBS]


def _has_jobs(app: AppConfig) -> bool:
    ours = f"{app.name}.".startswith(tuple(_prefixes()))
    return not ours and module_has_submodule(app.module, MODULE)


def _import(modules: Iterable[str]) -> tuple[tuple[str, str], ...]:
    reasons = [(module, _why_not(module)) for module in modules]
    return tuple((module, why) for module, why in reasons if why is not None)


def _why_not(module: str) -> str | None:
    try:
        import_module(module)
    except InvalidDeclaration:
        raise
    except (Exception, SystemExit) as error:  # A project's own code: it may raise anything.
        return f"{type(error).__name__}: {error}"
    return None
