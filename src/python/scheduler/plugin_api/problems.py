"""Problem details of RFC 9457: what the HTTP API answers when it cannot do as asked, and what a
plugin's own addresses answer, so that a caller reads one shape.

``type`` is always ``about:blank``, so ``title`` is the status' own phrase; ``code`` is what
tells problems apart, and is the code of docs/errors.md. ``detail`` is one sentence that may be
shown to a person: no traceback, no secret, no words of the database.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

from scheduler.plugin_api.errors import SchedulerError

CONTENT_TYPE = "application/problem+json"


class HttpProblem(SchedulerError):
    """An error that belongs to HTTP: it has its own status, and headers if need be."""

    code = "HTTP_PROBLEM"
    status = HTTPStatus.BAD_REQUEST
    headers: Mapping[str, str] = {}

    def answer(self) -> JsonResponse:
        """The error as a response."""
        return problem(self.status, self.code, str(self), self.headers)


class MethodNotAllowed(HttpProblem):
    """The address does not take this method; ``allowed`` are those that it takes: "GET, POST"."""

    code = "METHOD_NOT_ALLOWED"
    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, method: str | None, allowed: str) -> None:
        self.headers = {"Allow": allowed}
        super().__init__(f"{method} is not possible here; allowed: {allowed}.")


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
