"""Who may call an operation: each names the one scope it needs."""

from typing import cast

from django.http import HttpRequest

from scheduler.api.authentication import Caller, authenticate
from scheduler.domain.tokens import TokenScope

SECURITY_SCHEMES = {
    "token": {"type": "apiKey", "in": "header", "name": "X-Scheduler-Token"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "A signed-in user; a change needs the header X-CSRFToken too.",
    },
}
SECURITY = [{name: list[str]()} for name in SECURITY_SCHEMES]


class Needs:
    """Lets in callers of a scope. Raises Unauthenticated, CsrfFailed, PermissionMissing."""

    csrf = True  # Tells the documentation's page to send the token of its cookie.

    def __init__(self, scope: TokenScope) -> None:
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Caller:
        caller = authenticate(request)
        caller.must(self.scope)
        return caller


def caller_of(request: HttpRequest) -> Caller:
    """Who was let in."""
    return cast(Caller, request.auth)  # type: ignore[attr-defined]


def by(request: HttpRequest) -> str:
    """The name that the record of changes keeps."""
    return caller_of(request).name
