"""How what callers send is read: JSON bodies, and the types of single values.

Strictly: a text is no number, an instant has its offset, a misspelt field is refused. What no
database takes as text (NUL, half of a surrogate pair) is refused here, once for all operations.
"""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from ninja.parser import Parser
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from scheduler.api.problems import MalformedRequest, RequestTooLarge
from scheduler.api.rest.refusals import NotJson
from scheduler.domain.json_values import is_storable, load_json, parts

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
NUMBER = re.compile(r"-?[0-9]{1,18}\Z")
DEPTH_AT_MOST = 32
"""Levels of nesting in a body. Databases have limits of their own, far above what people write."""

CANONICAL_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def _instant(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or len(str(value)) < len("2026-01-01T00:00Z"):
        raise ValueError("write an instant with its offset, such as 2026-12-24T18:00:00+09:00")
    if not FIRST.replace(tzinfo=None) <= instant.replace(tzinfo=None) <= LAST.replace(tzinfo=None):
        raise ValueError("write an instant of the years 1970 to 2999")
    return instant.astimezone(UTC)


def _number(value: object) -> object:
    if isinstance(value, str) and not NUMBER.match(value):
        raise ValueError("write a whole number")
    return value


def _flag(value: object) -> object:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("write true or false")
    return value


def _uuid(value: object) -> object:
    if not isinstance(value, UUID) and not (isinstance(value, str) and CANONICAL_UUID.match(value)):
        raise ValueError("write an id such as 0199c0de-0000-7000-8000-000000000000")
    return value


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "With its offset; of the years 1970 to 2999.",
        }
    ),
]
"""An aware instant, in UTC."""

AS_NUMBER = BeforeValidator(_number)
"""For a whole number in an address; it comes last, so that the bounds are described."""

Flag = Annotated[bool, BeforeValidator(_flag)]
"""True or false in an address."""

Id = Annotated[UUID, BeforeValidator(_uuid)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Limit = Annotated[int, Field(ge=1, le=200, description="Rows of a page."), AS_NUMBER]
Cursor = Annotated[
    Text, Field(description="What the page before gave as next; absent: the first page.")
]


class Body(BaseModel):
    """A JSON object; fields that it does not have are refused."""

    model_config = ConfigDict(extra="forbid")


class StrictJson(Parser):
    """Reads bodies. Raises MalformedRequest, RequestTooLarge, NotJson."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type not in ("application/json", "application/merge-patch+json", ""):
            raise NotJson("The body must be JSON: send Content-Type: application/json.")
        try:
            found = load_json(request.body, parse_float=_finite)
        except ValueError:
            raise MalformedRequest("The body is no JSON.") from None
        _check_json(found)
        return found


def check_readable(request: HttpRequest) -> None:
    """Read the body, and look for what no text may hold in the address and the query.

    Raises MalformedRequest, RequestTooLarge."""
    values = [value for _, values in request.GET.lists() for value in values]
    if not all(map(is_storable, (request.path_info, *request.GET, *values))):
        raise MalformedRequest("The address holds NUL or half of a surrogate pair.")
    try:
        _ = request.body
    except RequestDataTooBig:
        raise RequestTooLarge("The body is larger than any operation takes.") from None
    except UnreadablePostError:
        raise MalformedRequest("The body ended too early.") from None


def only_known(request: HttpRequest, model: type[BaseModel]) -> None:
    """Refuse a query parameter that the operation does not have: a misspelt filter would answer
    with everything. Raises ValidationError."""
    strangers = sorted(set(request.GET) - set(model.model_fields))
    if strangers:
        allowed = ", ".join(sorted(model.model_fields))
        raise ValidationError({strangers[0]: f"There is no such parameter; allowed: {allowed}."})


def _finite(text: str) -> float:
    """A number that JSON can hold and a float cannot (``1e400``) would become infinite."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _check_json(value: Any) -> None:
    """Raises MalformedRequest for what no database takes."""
    for part, depth in parts(value):
        if depth > DEPTH_AT_MOST:
            raise MalformedRequest(f"The body is nested deeper than {DEPTH_AT_MOST} levels.")
        if isinstance(part, str) and not is_storable(part):
            raise MalformedRequest("A text in the body holds NUL or half of a surrogate pair.")
