"""Which problem (``plugin_api.problems``) the HTTP API answers to which error."""

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from http import HTTPStatus

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
from scheduler.plugin_api.problems import HttpProblem, MethodNotAllowed, problem
from scheduler.requests.backfills import BackfillNotFound
from scheduler.requests.editing import EditConflict, JobExists

logger = logging.getLogger(__name__)

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


class MalformedRequest(HttpProblem):
    """The request holds what no text may hold, or is no JSON. Status 400."""

    code = "MALFORMED_REQUEST"


class RequestTooLarge(HttpProblem):
    """The body is larger than any operation takes."""

    code = "REQUEST_TOO_LARGE"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class InvalidFields(HttpProblem):
    """Fields or parameters are wrong: the answer names each."""

    code = "INVALID_FIELDS"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ServerFailed(HttpProblem):
    """Something that nobody foresaw; the log says what."""

    code = "INTERNAL_ERROR"
    status = HTTPStatus.INTERNAL_SERVER_ERROR


def problem_of(error: Exception) -> JsonResponse:
    """The answer to an exception. One that nobody raised on purpose becomes 500 and is logged
    with its traceback; its text goes to the log alone."""
    if isinstance(error, REFUSED_BY_DJANGO):
        error = _unreadable(error)
    if isinstance(error, HttpProblem):
        return error.answer()
    if isinstance(error, SchedulerError):
        where = {name: getattr(error, name, None) for name in ("field", "index")}
        more = {name: value for name, value in where.items() if value is not None}
        status = status_of(type(error))
        return problem(status, error.code, str(error), _later(status), **more)
    if isinstance(error, ValidationError):
        fields = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        return fields_problem(
            ("" if name == "__all__" else name, sentence)
            for name, sentences in fields.items()
            for sentence in sentences
        )
    if isinstance(error, DatabaseError) and not isinstance(error, (DataError, IntegrityError)):
        logger.error("api_database_failed", exc_info=error)
        sentence = "The database does not answer; nothing was changed. Try again later."
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE, DatabaseUnavailable.code, sentence, {"Retry-After": "1"}
        )
    logger.error("api_failed", exc_info=error)
    return ServerFailed("The server failed; its log says why.").answer()


def status_of(kind: type[SchedulerError]) -> HTTPStatus:
    """The HTTP status of a kind of errors raised on purpose."""
    if issubclass(kind, HttpProblem):
        return kind.status
    found = (STATUSES[base] for base in kind.__mro__ if base in STATUSES)
    return next(found, HTTPStatus.UNPROCESSABLE_ENTITY)


def fields_problem(wrong: Iterable[tuple[str, str]]) -> JsonResponse:
    """422 with each field that is wrong and its sentence; the field is empty for the whole."""
    errors = [{"field": field, "detail": sentence} for field, sentence in wrong]
    told = "; ".join(f"{e['field']}: {e['detail']}" if e["field"] else e["detail"] for e in errors)
    return problem(InvalidFields.status, InvalidFields.code, told, errors=errors)


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
    return MethodNotAllowed(request.method, allowed).answer()


def _unreadable(error: Exception) -> HttpProblem:
    """What Django cannot read: a form that is none, too many parameters, too large a form."""
    if isinstance(error, RequestDataTooBig):
        return RequestTooLarge("The body is larger than may be read into memory.")
    return MalformedRequest(
        "The request cannot be read: a form that is none, or too many parameters."
    )


def _later(status: HTTPStatus) -> dict[str, str]:
    return {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
