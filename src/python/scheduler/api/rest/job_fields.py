"""The fields of a job as JSON, made of the model's own: type, bounds and help are said once.

A field that the model gains is a field of the API, with the bounds of its validators.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from django.core.validators import MinValueValidator
from django.db import models
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, create_model

from scheduler.api.rest.reading import Body, Instant
from scheduler.models import JobDefinition
from scheduler.requests.jobs import EDITABLE_FIELDS

NOT_BY_HAND = {"deleted_at", "quarantined_at", "provenance"}
INTEGER_MOST, NUMBER_MOST, TEXT_MOST = 2**31 - 1, 1e9, 10_000
type AnyField = "models.Field[Any, Any]"
JOB_FIELDS = tuple(
    field
    for field in JobDefinition._meta.concrete_fields
    if field.name in EDITABLE_FIELDS - NOT_BY_HAND
)
"""What callers may set, in the order of the model."""

JSON_TYPES: dict[str, Any] = {
    "schedule": dict[StrictStr, Any],
    "required_labels": dict[StrictStr, StrictStr],
    "default_args_json": list[Any] | dict[StrictStr, Any],
}


def type_of(field: AnyField) -> Any:
    """What the API takes for a column, None included where the column may be NULL."""
    found = _plain_type(field)
    return found | None if field.null else found


def _plain_type(field: AnyField) -> Any:
    if field.choices:
        return Literal[tuple(value for value, _ in field.flatchoices)]
    if isinstance(field, models.BooleanField):
        return StrictBool
    if isinstance(field, models.IntegerField):
        return Annotated[StrictInt, Field(ge=_least(field), le=INTEGER_MOST)]
    if isinstance(field, models.FloatField):
        bounds = Field(ge=_least(field), le=NUMBER_MOST, allow_inf_nan=False)
        return Annotated[StrictFloat, bounds]
    if isinstance(field, models.DateTimeField):
        return Instant
    if isinstance(field, models.JSONField):
        return JSON_TYPES.get(field.name, Any)
    assert isinstance(field, models.CharField | models.TextField), field
    least = 0 if field.blank else 1
    return Annotated[StrictStr, Field(min_length=least, max_length=field.max_length or TEXT_MOST)]


def _least(field: AnyField) -> Any:
    bounds = [v.limit_value for v in field.validators if isinstance(v, MinValueValidator)]
    return max(bounds) if bounds else -INTEGER_MOST


def _optional(field: AnyField) -> tuple[Any, Any]:
    """Absent and null are not the same: what is absent is not touched."""
    return type_of(field), Field(default_factory=lambda: None, description=_help(field))


def _shown(field: AnyField) -> tuple[Any, Any]:
    """Without bounds: what a row holds is shown, whoever wrote it."""
    kinds = {
        models.BooleanField: bool,
        models.IntegerField: int,
        models.FloatField: float,
        models.DateTimeField: datetime,
        models.CharField: str,
        models.TextField: str,
    }
    found = next((kind for base, kind in kinds.items() if isinstance(field, base)), Any)
    return found | None if field.null else found, Field(description=_help(field))


def _help(field: AnyField) -> str | None:
    return str(field.help_text) or None


def _definitions(of: Callable[[AnyField], tuple[Any, Any]]) -> Any:
    return {field.name: of(field) for field in JOB_FIELDS}


_FIELDS = create_model("_FIELDS", __base__=Body, **_definitions(_optional))
_VALUES = create_model("_VALUES", **_definitions(_shown))


class JobFields(_FIELDS):  # type: ignore[misc, valid-type]
    """A job's fields. An edit leaves those that are absent as they are; a replacement and a new
    job give them their defaults."""


class NewJob(JobFields):
    """A job to be made."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=200)]


class JobValues(_VALUES):  # type: ignore[misc, valid-type]
    """A job's fields, all of them."""


def values_of(job: JobDefinition) -> dict[str, Any]:
    """A job's fields as JobValues takes them."""
    return {field.name: getattr(job, field.name) for field in JOB_FIELDS}


def given(fields: Body) -> dict[str, Any]:
    """The fields that the caller sent."""
    return fields.model_dump(exclude_unset=True)
