"""The settings' help in the RDB, seeded from the declarations."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from scheduler.models import SchedulerSettingHelp
from scheduler.plugin_api.reference import help_row
from scheduler.plugin_api.settings import SettingsModel, SettingSpec, specs


@dataclass(frozen=True, slots=True)
class Seeding:
    """The keys of the rows that were (or, in a dry run, would be) made, overwritten, left alone."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    kept: tuple[str, ...]
    """Rows that differ from what is shipped: somebody reworded them."""
    same: tuple[str, ...]


def seed_setting_help(
    models: Iterable[type[SettingsModel]], *, apply_defaults: bool = False, dry_run: bool = False
) -> Seeding:
    """Make the missing help rows. ``apply_defaults`` also overwrites those that differ from what
    is shipped. A second run changes nothing."""
    with transaction.atomic():
        stored = SchedulerSettingHelp.objects.select_for_update().in_bulk()
        missing: list[SettingSpec] = []
        different: list[SettingSpec] = []
        same: list[SettingSpec] = []
        for spec in specs(*models):
            row = stored.get(spec.key)
            target = missing if row is None else same if _is_as_shipped(row, spec) else different
            target.append(spec)
        if not dry_run:
            _save(missing + (different if apply_defaults else []))
    changed, kept = (different, []) if apply_defaults else ([], different)
    return Seeding(*(tuple(s.key for s in part) for part in (missing, changed, kept, same)))


def _is_as_shipped(row: SchedulerSettingHelp, spec: SettingSpec) -> bool:
    return all(getattr(row, name) == value for name, value in help_row(spec).items())


def _save(found: Iterable[SettingSpec]) -> None:
    for spec in found:
        SchedulerSettingHelp.objects.update_or_create(key=spec.key, defaults=help_row(spec))
