"""Changes of settings that people ask for: checked, recorded, and announced to all workers."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from scheduler.models import Cluster, ConfigReloadRequest, SchedulerSetting
from scheduler.plugin_api.resolution import UnknownSettings, refuse_bad_changes
from scheduler.plugin_api.settings import SettingsModel, specs
from scheduler.requests.recording import Ring, record, tell


def change_settings(
    changes: Mapping[str, str | None],
    *,
    by: str,
    models: Iterable[type[SettingsModel]],
    environ: Mapping[str, str] | None = None,
    ring: Ring | None = None,
) -> int:
    """Set (text) or unset (None) settings in the RDB, all or none, and ask for a reload.

    Returns the revision that workers acknowledge. Raises UnknownSettings, InvalidSetting or
    SettingsConflict, and then nothing has changed. What is recorded names the keys, not the values.
    """
    groups = tuple(models)
    _refuse_unknown(changes, groups)
    with transaction.atomic():
        # The cluster row first: it makes concurrent changes wait for each other.
        revision = _next_revision()
        rows = dict(SchedulerSetting.objects.values_list("key", "value"))
        rows |= {key: value for key, value in changes.items() if value is not None}
        kept = {key: value for key, value in rows.items() if changes.get(key, value) is not None}
        given = os.environ if environ is None else environ
        for model in groups:
            refuse_bad_changes(model, rows=kept, changed_keys=changes.keys(), environ=given)
        _write(changes, by)
        for key, value in sorted(changes.items()):
            action = "setting_unset" if value is None else "setting_changed"
            record(action, key, by, revision=revision)
        _announce(revision, changes, by, ring)
    return revision


def request_reload(*, by: str, ring: Ring | None = None) -> int:
    """Ask all workers to read their settings again; returns the revision they acknowledge."""
    with transaction.atomic():
        revision = _next_revision()
        record("reload_requested", revision, by)
        _announce(revision, (), by, ring)
    return revision


def _refuse_unknown(keys: Iterable[str], models: Iterable[type[SettingsModel]]) -> None:
    known = {spec.key for spec in specs(*models)}
    strangers = [key for key in keys if key not in known]
    if strangers:
        raise UnknownSettings(tuple(_stranger(key, known) for key in strangers))


def _stranger(key: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(key, known, n=1)
    return f"There is no setting {key};" + (
        f" did you mean {nearest[0]}?" if nearest else " docs/settings.md lists all."
    )


def _next_revision() -> int:
    Cluster.objects.get_or_create(id=1)
    Cluster.objects.filter(id=1).update(config_revision=F("config_revision") + 1)
    return Cluster.objects.values_list("config_revision", flat=True).get(id=1)


def _write(changes: Mapping[str, str | None], by: str) -> None:
    SchedulerSetting.objects.filter(key__in=[k for k, v in changes.items() if v is None]).delete()
    for key, value in changes.items():
        if value is not None:
            SchedulerSetting.objects.update_or_create(
                key=key, defaults={"value": value, "updated_by": by, "updated_at": Now()}
            )


def _announce(revision: int, keys: Iterable[str], by: str, ring: Ring | None) -> None:
    ConfigReloadRequest.objects.create(revision=revision, requested_by=by, keys=sorted(keys))
    tell(ring, "leader")
