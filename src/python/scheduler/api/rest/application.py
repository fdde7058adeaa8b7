"""The REST API put together: routers, how errors are answered, the description, the addresses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, re_path
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as FieldErrors
from ninja.openapi.docs import Swagger
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

import scheduler
from scheduler.api.problems import (
    MalformedRequest,
    answering_problems,
    fields_problem,
    method_not_allowed,
    problem_of,
)
from scheduler.api.rest import (
    backfills,
    cluster,
    dependencies,
    events,
    jobs,
    run_actions,
    runs,
    settings,
    triggers,
    why,
)
from scheduler.api.rest.access import SECURITY_SCHEMES, Needs
from scheduler.api.rest.answering import Problem
from scheduler.api.rest.reading import StrictJson, check_readable
from scheduler.api.rest.refusals import AddressNotFound
from scheduler.domain.tokens import TokenScope

NAMESPACE, LANGUAGE = "api-1", "en"
ROUTERS = (
    jobs,
    dependencies,
    triggers,
    run_actions,
    runs,
    backfills,
    why,
    events,
    cluster,
    settings,
)

DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The documentation's page runs no script of another origin and none that stands in it."""


class RestApi(NinjaAPI):
    """The API with the parts of its description that are common to all operations."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> OpenAPISchema:
        found = super().get_openapi_schema(*args, **kwargs)
        parts = found["components"]
        model = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        parts["schemas"] = {**parts["schemas"], **model.pop("$defs", {}), "Problem": model}
        parts["securitySchemes"] = SECURITY_SCHEMES
        for path in found["paths"].values():
            for described in path.values():
                _forbid_null(described["parameters"])
        return found


def _forbid_null(parameters: list[dict[str, Any]]) -> None:
    """An address has no null: a parameter that is not given is absent."""
    for one in parameters:
        kinds = one["schema"].pop("anyOf", [])
        for kind in kinds:
            if kind != {"type": "null"}:
                one["schema"] |= kind


def build() -> RestApi:
    """A new API with all its operations."""
    api = RestApi(
        title="Scheduler",
        version=scheduler.__version__,
        description="Jobs, runs, events, workers and settings. Errors are problem details "
        "(RFC 9457); `code` tells them apart.",
        urls_namespace=NAMESPACE,
        parser=StrictJson(),
        # Each operation names its scope; one that forgot to is not open to all.
        auth=[Needs(TokenScope.READ)],
        docs=Swagger(settings={"persistAuthorization": False, "validatorUrl": None}),
    )
    for part in ROUTERS:
        api.add_router("", part.router)
    for kind in (FieldErrors, HttpError, Exception):
        api.add_exception_handler(kind, _answer_problem)
    return api


def _answer_problem(request: HttpRequest, error: Any) -> HttpResponse:
    if isinstance(error, FieldErrors):
        return _invalid(error)
    return problem_of(_cause(error) if isinstance(error, HttpError) else error)


def _cause(error: HttpError) -> Exception:
    """django-ninja wraps what the parser raises."""
    cause = error.__cause__
    return cause if isinstance(cause, Exception) else MalformedRequest(f"{error}.")


def _invalid(error: FieldErrors) -> HttpResponse:
    """Values that were sent are not repeated."""
    return fields_problem(
        (_field(each["loc"]), each["msg"].removeprefix("Value error, ")) for each in error.errors
    )


def _field(place: tuple[Any, ...]) -> str:
    """``("body", "fields", "schedule", "kind")`` is the field ``schedule.kind``."""
    return ".".join(map(str, place[2:] if place[0] == "body" else place[-1:]))


@contextmanager
def _head_as_get(request: HttpRequest) -> Iterator[None]:
    """The server leaves the body of the answer out."""
    asked = request.method
    request.method = "GET" if asked == "HEAD" else asked
    try:
        yield
    finally:
        request.method = asked


def _guarded(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A view that answers in English, to HEAD as to GET, and problems whatever happens."""

    @csrf_exempt
    @wraps(view)
    @answering_problems
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override(LANGUAGE), _head_as_get(request):
            check_readable(request)
            answer = view(request, *args, **kwargs)
        if answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return method_not_allowed(request, answer["Allow"])
        answer.headers.setdefault("Cache-Control", "no-store")
        answer.headers["Content-Language"] = LANGUAGE
        return answer

    return guarded


def _with_policy(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> HttpResponseBase:
        found = view(*args, **kwargs)
        found.headers["Content-Security-Policy"] = DOCS_POLICY
        return found

    return answer


def _nothing_here(request: HttpRequest) -> HttpResponseBase:
    raise AddressNotFound(f"There is nothing at {request.path}; see /api/v1/docs.")


def _pattern(found: URLPattern) -> URLPattern:
    view = _guarded(_nothing_here if found.name == "api-root" else found.callback)
    if found.name == "openapi-view":
        view = _with_policy(view)
    return URLPattern(found.pattern, view, found.default_args, found.name)


def _addresses(api: NinjaAPI) -> tuple[list[URLPattern], str, str]:
    patterns, app_name, namespace = api.urls
    own = [_pattern(each) for each in patterns if isinstance(each, URLPattern)]
    return [*own, re_path("^.*$", _guarded(_nothing_here))], app_name, namespace


urls = _addresses(build())
"""For ``path("api/v1/", urls)``."""
