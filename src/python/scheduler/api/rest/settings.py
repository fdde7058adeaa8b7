"""Settings: seen without their secrets, changed, and who has applied them."""

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field, StrictStr

from scheduler.api.rest.access import by, caller_of
from scheduler.api.rest.answering import operation
from scheduler.api.rest.reading import Body, Text, only_known
from scheduler.api.rest.refusals import SecretRefused, SettingNotFound
from scheduler.domain.errors import InvalidSetting
from scheduler.domain.tokens import TokenScope
from scheduler.plugin_api.resolution import SettingsConflict, Source, UnknownSettings
from scheduler.plugin_api.settings import SettingsModel, specs
from scheduler.queries.plugins import plugin_host
from scheduler.queries.settings import ReloadStatus, SettingView, effective_settings, reload_status
from scheduler.requests.settings import change_settings, request_reload

router = Router(tags=["settings"])

FOR_SECRETS = "scheduler.change_secret_setting"
REFUSALS = (UnknownSettings, InvalidSetting, SettingsConflict, SecretRefused)

Value = Annotated[StrictStr, Field(max_length=10_000)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=100)]


class WordsOut(Schema):
    en: str
    ja: str


class SettingOut(Schema):
    """A setting as the web process has it. ``value`` is hidden where it is secret; ``problem``
    says why a value in the RDB is ignored."""

    key: str
    group: WordsOut
    value: str
    default: str
    source: Source
    problem: str
    title: WordsOut
    meaning: WordsOut
    impact: WordsOut
    limits: WordsOut
    minimum: float | None
    maximum: float | None
    choices: list[str]
    example: str
    secret: bool
    restart_needed: bool
    editable: bool


class SettingsOut(Schema):
    settings: list[SettingOut]


class AcknowledgementOut(Schema):
    worker_id: str
    node_id: str
    revision: int
    applied: bool


class ReloadOut(Schema):
    """The newest reload request and how far each live worker has come; revision 0: there was
    none."""

    revision: int
    requested_by: str
    requested_at: datetime | None
    keys: list[str]
    workers: list[AcknowledgementOut]


class Changes(Body):
    """Texts to set and null to unset, by name: all are taken, or none."""

    changes: Annotated[dict[Name, Value | None], Field(min_length=1, max_length=200)]


class SettingQuery(Schema):
    search: Text | None = Field(None, description="A part of the name, whatever its case.")


@router.get("/settings", **operation(TokenScope.SETTINGS_READ, SettingsOut))
def list_settings(request: HttpRequest, query: Query[SettingQuery]) -> Any:
    """Every setting: value in force, source, bounds, help. Secrets are never shown."""
    only_known(request, SettingQuery)
    part = (query.search or "").upper()
    return {"settings": [view for view in _views() if part in view.key]}


@router.patch("/settings", **operation(TokenScope.SETTINGS_WRITE, ReloadOut, *REFUSALS, body=True))
def change_many(request: HttpRequest, wish: Changes) -> Any:
    """Set and unset settings in the RDB, and ask all workers to read them again. A secret needs a
    token, or a user with the permission for secrets."""
    models = plugin_host().settings_models
    _check_secrets(request, wish.changes, models)
    change_settings(wish.changes, by=by(request), models=models)
    return _reload_status()


@router.get("/settings/reload", **operation(TokenScope.SETTINGS_READ, ReloadOut, checked=False))
def get_reload(request: HttpRequest) -> Any:
    """The newest reload request, and which workers have applied it."""
    return _reload_status()


@router.post(
    "/settings/reload",
    **operation(TokenScope.SETTINGS_WRITE, ReloadOut, status=HTTPStatus.ACCEPTED, checked=False),
)
def reload_settings(request: HttpRequest) -> Any:
    """Ask all workers to read their settings again."""
    request_reload(by=by(request))
    return Status(HTTPStatus.ACCEPTED.value, _reload_status())


@router.get(
    "/settings/{key}",
    **operation(TokenScope.SETTINGS_READ, SettingOut, SettingNotFound, checked=False),
)
def get_setting(request: HttpRequest, key: str) -> Any:
    """One setting by its name."""
    found = next((view for view in _views() if view.key == key), None)
    if found is None:
        raise SettingNotFound(f"There is no setting {key!r}; docs/settings.md lists all.")
    return found


def _views() -> list[SettingView]:
    return effective_settings(plugin_host().settings_models)


def _reload_status() -> ReloadStatus | dict[str, Any]:
    none = {"revision": 0, "requested_by": "", "requested_at": None, "keys": [], "workers": []}
    return reload_status() or none


def _check_secrets(
    request: HttpRequest, keys: Iterable[str], models: Iterable[type[SettingsModel]]
) -> None:
    """Tokens are made by who may do all; among signed-in users few may change a secret."""
    secret = {spec.key for spec in specs(*models) if spec.help.secret}
    asked = sorted(secret.intersection(keys))
    user: Any = getattr(request, "user", None)
    if asked and caller_of(request).by_session and not user.has_perm(FOR_SECRETS):
        raise SecretRefused(f"{asked[0]} is secret; changing it needs {FOR_SECRETS}.")
