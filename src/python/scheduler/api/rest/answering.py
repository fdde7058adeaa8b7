"""What an operation promises: its scope, its answer, and every problem it may answer with."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from ninja import Schema

from scheduler.api.authentication import CsrfFailed, PermissionMissing, Unauthenticated
from scheduler.api.problems import (
    InvalidFields,
    MalformedRequest,
    RequestTooLarge,
    status_of,
)
from scheduler.api.rest.access import SECURITY, Needs
from scheduler.api.rest.refusals import NotJson
from scheduler.domain.errors import DatabaseUnavailable, SchedulerError
from scheduler.domain.tokens import TokenScope
from scheduler.plugin_api.problems import CONTENT_TYPE

ALWAYS = (
    Unauthenticated,
    PermissionMissing,
    CsrfFailed,
    MalformedRequest,
    RequestTooLarge,
    DatabaseUnavailable,
)


class FieldProblem(Schema):
    """One field and what is wrong with it; the field is empty for the whole."""

    field: str
    detail: str


class Problem(Schema):
    """Problem details (RFC 9457). ``code`` tells problems apart; docs/errors.md lists them."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] | None = None


def operation(
    scope: TokenScope,
    answer: Any,
    *problems: type[SchedulerError],
    status: HTTPStatus = HTTPStatus.OK,
    body: bool = False,
    checked: bool = True,
    headers: Iterable[str] = (),
) -> dict[str, Any]:
    """The keyword arguments of an operation's decorator.

    ``answer`` is the model of what ``status`` brings, or a mapping of statuses to models.
    ``body``: it takes one. ``checked``: it has fields that may be wrong. ``headers`` are those of
    the answer."""
    answers = answer if isinstance(answer, dict) else {status.value: answer}
    of_body = (NotJson, InvalidFields) if body else (InvalidFields,) if checked else ()
    documented = _documented((*ALWAYS, *problems, *of_body))
    for code in answers:
        documented[code] = {"headers": dict.fromkeys(headers, _TEXT_HEADER)}
    return {
        "auth": Needs(scope),
        "response": answers,
        "openapi_extra": {
            "responses": documented,
            "security": SECURITY,
            "x-scope": scope.value,
        },
    }


_TEXT_HEADER = {"schema": {"type": "string"}}


def _documented(kinds: Iterable[type[SchedulerError]]) -> dict[int, Any]:
    codes: dict[int, list[str]] = {}
    for kind in kinds:
        codes.setdefault(status_of(kind).value, []).append(kind.code)
    return {status: _problem(names) for status, names in sorted(codes.items())}


def _problem(codes: list[str]) -> dict[str, Any]:
    return {
        "description": ", ".join(codes),
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
