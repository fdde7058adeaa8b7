"""The settings as pages and commands show them: value in force, source, help; never a secret."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from scheduler.models import ConfigReloadRequest, SchedulerSettingHelp, WorkerLease
from scheduler.plugin_api.reference import help_row
from scheduler.plugin_api.resolution import Source, resolve, shown
from scheduler.plugin_api.settings import Scope, SettingsModel, SettingSpec, Words, specs
from scheduler.store.settings import read_setting_rows


@dataclass(frozen=True, slots=True)
class SettingView:
    """One setting. ``value`` and ``default`` are fit to be shown: secrets are hidden.

    ``problem`` says why a value in the RDB is ignored; it is empty where all is well. Texts are
    those of the help in the RDB, else the shipped ones.
    """

    key: str
    group: Words
    value: str
    default: str
    source: Source
    problem: str
    title: Words
    meaning: Words
    impact: Words
    limits: Words
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    example: str
    secret: bool
    restart_needed: bool
    editable: bool
    """False for what is given by the environment of each process."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """How far one live worker has come."""

    worker_id: str
    node_id: str
    revision: int
    applied: bool


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    """The newest reload request, and which live workers have applied it."""

    revision: int
    requested_by: str
    requested_at: datetime
    keys: tuple[str, ...]
    workers: tuple[Acknowledgement, ...]


def effective_settings(
    models: Iterable[type[SettingsModel]], environ: Mapping[str, str] | None = None
) -> list[SettingView]:
    """Every setting as this process has it, in the order of declaration.

    ``environ`` defaults to this process's. Raises InvalidSetting for a bad value in it.
    """
    rows = read_setting_rows()
    texts = SchedulerSettingHelp.objects.in_bulk()
    given = os.environ if environ is None else environ
    views = []
    for model in models:
        resolved = resolve(model, rows=rows, environ=given)
        problems = {problem.key: problem.sentence for problem in resolved.problems}
        for spec in specs(model):
            value = shown(spec, getattr(resolved.settings, spec.field))
            problem = problems.get(spec.key, "")
            views.append(_view(spec, value, resolved.sources[spec.key], problem, texts))
    return views


def reload_status() -> ReloadStatus | None:
    """The newest reload request and its acknowledgements; None when there never was one."""
    newest = ConfigReloadRequest.objects.first()
    if newest is None:
        return None
    workers = WorkerLease.objects.filter(state="LIVE").order_by("worker_id")
    return ReloadStatus(
        revision=newest.revision,
        requested_by=newest.requested_by,
        requested_at=newest.requested_at,
        keys=tuple(newest.keys),
        workers=tuple(
            Acknowledgement(
                w.worker_id, w.node_id, w.config_revision, w.config_revision >= newest.revision
            )
            for w in workers
        ),
    )


def _view(
    spec: SettingSpec,
    value: str,
    source: Source,
    problem: str,
    texts: Mapping[str, SchedulerSettingHelp],
) -> SettingView:
    stored = texts.get(spec.key)
    told = help_row(spec) if stored is None else {**help_row(spec), **_given_texts(stored)}
    words = {
        name: Words(told[f"{name}_en"], told[f"{name}_ja"])
        for name in ("title", "meaning", "impact", "limits")
    }
    return SettingView(
        key=spec.key,
        group=spec.group,
        value=value,
        default=shown(spec, spec.default),
        source=source,
        problem=problem,
        **words,
        minimum=spec.minimum,
        maximum=spec.maximum,
        choices=spec.choices,
        example=spec.help.example,
        secret=spec.help.secret,
        restart_needed=spec.help.restart_needed,
        editable=spec.help.scope is Scope.CLUSTER,
    )


def _given_texts(row: SchedulerSettingHelp) -> dict[str, str]:
    names = [f"{part}_{lang}" for part in ("title", "meaning", "impact") for lang in ("en", "ja")]
    return {name: text for name in names if (text := getattr(row, name))}
