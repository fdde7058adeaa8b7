"""What the HTTP API answers when it cannot do as asked: problem details of RFC 9457.

``type`` is always ``about:blank``, so ``title`` is the status' own phrase; ``code`` is what
tells problems apart, and is the code of docs/errors.md. ``detail`` is one sentence that may be
shown to a person: no traceback, no secret, no words of the database.
"""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import DataError, IntegrityError
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.multipartparser import MultiPartParserError

from scheduler.bootstrap.run_log_reader import LogNotFound
from scheduler.domain.errors import (
    DatabaseUnavailable,
    JobNotFound,
    ManagedByCode,
    RedisUnavailable,
    RunNotFound,
    SchedulerError,
    UpstreamInUse,
    WorkerNotFound,
)
from scheduler.domain.events import EventNotFound
from scheduler.domain.tokens import TokenNotFound
from scheduler.requests.backfills import BackfillNotFound
from scheduler.requests.editing import EditConflict, JobExists

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
INVALID = "INVALID_FIELDS"
INTERNAL = "INTERNAL_ERROR"
MALFORMED, TOO_LARGE = "MALFORMED_REQUEST", "REQUEST_TOO_LARGE"
REFUSED_BY_DJANGO = (BadRequest, MultiPartParserError, SuspiciousOperation)

STATUSES: dict[type[SchedulerError], HTTPStatus] = {
    JobNotFound: HTTPStatus.NOT_FOUND,
    RunNotFound: HTTPStatus.NOT_FOUND,
    WorkerNotFound: HTTPStatus.NOT_FOUND,
    TokenNotFound: HTTPStatus.NOT_FOUND,
    BackfillNotFound: HTTPStatus.NOT_FOUND,
    EventNotFound: HTTPStatus.NOT_FOUND,
    LogNotFound: HTTPStatus.NOT_FOUND,
    JobExists: HTTPStatus.CONFLICT,
    ManagedByCode: HTTPStatus.CONFLICT,
    UpstreamInUse: HTTPStatus.CONFLICT,
    EditConflict: HTTPStatus.PRECONDITION_FAILED,
    DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    RedisUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Other errors raised on purpose are about what was sent: 422."""


class HttpProblem(SchedulerError):
    """An error that belongs to HTTP: it has its own status, and headers if need be."""

    code = "HTTP_PROBLEM"
    status = HTTPStatus.BAD_REQUEST
    headers: Mapping[str, str] = {}


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JsonResponse:
    """A response of problem details; ``more`` are extension members."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "detail": detail,
        **more,
    }
    shown = {"Cache-Control": "no-store", **(headers or {})}
    return JsonResponse(body, status=status.value, content_type=CONTENT_TYPE, headers=shown)


def problem_of(error: Exception) -> JsonResponse:
    """The answer to an exception. One that nobody raised on purpose becomes 500 and is logged
    with its traceback; its text goes to the log alone."""
    if isinstance(error, HttpProblem):
        return problem(error.status, error.code, str(error), error.headers)
    if isinstance(error, SchedulerError):
        where = {name: getattr(error, name, None) for name in ("field", "index")}
        more = {name: value for name, value in where.items() if value is not None}
        return problem(status_of(error), error.code, str(error), _later(error), **more)
    if isinstance(error, ValidationError):
        return _invalid(error)
    if isinstance(error, REFUSED_BY_DJANGO):
        return _unreadable(error)
    if isinstance(error, DatabaseError) and not isinstance(error, (DataError, IntegrityError)):
        logger.error("api_database_failed", exc_info=error)
        sentence = "The database does not answer; nothing was changed. Try again later."
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE, DatabaseUnavailable.code, sentence, {"Retry-After": "1"}
        )
    logger.error("api_failed", exc_info=error)
    sentence = "The server failed; its log says why."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL, sentence)


def status_of(error: SchedulerError) -> HTTPStatus:
    """The HTTP status of an error raised on purpose."""
    kinds = type(error).__mro__
    found = (STATUSES[kind] for kind in kinds if kind in STATUSES)
    return next(found, HTTPStatus.UNPROCESSABLE_ENTITY)


def answering_problems[**P](
    view: Callable[P, HttpResponseBase],
) -> Callable[P, HttpResponseBase]:
    """A view whose exceptions become problem details."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(*args, **kwargs)
        except Exception as error:
            return problem_of(error)

    return answer


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """405 with the methods that there are (``allowed``: "GET, POST")."""
    sentence = f"{request.method} is not possible here; allowed: {allowed}."
    status = HTTPStatus.METHOD_NOT_ALLOWED
    return problem(status, "METHOD_NOT_ALLOWED", sentence, {"Allow": allowed})


def _unreadable(error: Exception) -> JsonResponse:
    """What Django cannot read: a form that is none, too many parameters, too large a form."""
    if isinstance(error, RequestDataTooBig):
        sentence = "The body is larger than may be read into memory."
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE, sentence)
    sentence = "The request cannot be read: a form that is none, or too many parameters."
    return problem(HTTPStatus.BAD_REQUEST, MALFORMED, sentence)


def _invalid(error: ValidationError) -> JsonResponse:
    fields = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    errors = [
        {"field": "" if name == "__all__" else name, "detail": sentence}
        for name, sentences in fields.items()
        for sentence in sentences
    ]
    told = "; ".join(f"{e['field']}: {e['detail']}" if e["field"] else e["detail"] for e in errors)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, INVALID, told, errors=errors)


def _later(error: SchedulerError) -> dict[str, str]:
    return {"Retry-After": "1"} if status_of(error) is HTTPStatus.SERVICE_UNAVAILABLE else {}
