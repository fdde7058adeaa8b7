"""Who calls the HTTP API, and what they may do.

A request proves its caller by **a token** (``X-Scheduler-Token: ...``, or ``Authorization:
Bearer ...``) or by **a session** of Django's with the permission, and with the CSRF token where
it changes something. A request that shows a token is judged by it alone: a wrong one is refused,
whatever session comes with it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from scheduler.domain.tokens import TokenScope, digest_of, is_proven, prefix_of
from scheduler.plugin_api.header_tokens import bearer_of
from scheduler.plugin_api.problems import HttpProblem
from scheduler.queries.in_force import core_settings
from scheduler.queries.tokens import find_token
from scheduler.requests.tokens import USE_IS_NOTED_EVERY, note_use

log = structlog.get_logger(__name__)

HEADER = "X-Scheduler-Token"
SETTING = "SCHEDULER_EVENTS_API_TOKEN"

PERMISSIONS = {
    TokenScope.EVENTS_WRITE: "scheduler.add_event",
    TokenScope.READ: "scheduler.view_jobrun",
    TokenScope.JOBS_WRITE: "scheduler.change_jobdefinition",
    TokenScope.RUNS_WRITE: "scheduler.add_runrequest",
    TokenScope.WORKERS_WRITE: "scheduler.change_cluster",
    TokenScope.SETTINGS_READ: "scheduler.view_schedulersetting",
    TokenScope.SETTINGS_WRITE: "scheduler.change_schedulersetting",
}
"""What a signed-in user needs, where a token needs the scope."""


class Unauthenticated(HttpProblem):
    """Nobody, or nobody known, is calling."""

    code = "UNAUTHENTICATED"
    status = HTTPStatus.UNAUTHORIZED
    headers = {"WWW-Authenticate": 'Bearer realm="scheduler"'}


class PermissionMissing(HttpProblem):
    """The caller is known and may not do this. ``needed`` is the scope or permission."""

    code = "PERMISSION_MISSING"
    status = HTTPStatus.FORBIDDEN

    def __init__(self, caller: str, needed: str) -> None:
        self.caller, self.needed = caller, needed
        super().__init__(f"{caller} may not do this; it needs {needed}.")


class CsrfFailed(HttpProblem):
    """A session wants to change something without the proof that its own page asked for it."""

    code = "CSRF_FAILED"
    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(
            "The CSRF token is missing or wrong; send the cookie csrftoken as X-CSRFToken too."
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``name`` is what records keep (``token:NAME`` or ``user:NAME``)."""

    name: str
    scopes: frozenset[TokenScope]
    by_session: bool = False

    def must(self, scope: TokenScope) -> None:
        """Raises PermissionMissing unless the caller may do what ``scope`` stands for."""
        if scope in self.scopes:
            return
        needed = f"the permission {PERMISSIONS[scope]}" if self.by_session else f"scope {scope}"
        raise PermissionMissing(self.name, needed)


def authenticate(request: HttpRequest) -> Caller:
    """The caller of a request. Raises Unauthenticated, CsrfFailed.

    One query for a token (and one a minute to note its use), none for the token of the settings
    while those are fresh. A view that relies on this must be ``csrf_exempt``: the check is made
    here, for sessions alone."""
    presented = presented_token(request)
    if presented is not None:
        return _caller_of_token(presented)
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.is_active:
        raise Unauthenticated(f"Nobody is signed in and there is no token; send {HEADER}.")
    _check_csrf(request)
    allowed = frozenset(scope for scope, needed in PERMISSIONS.items() if user.has_perm(needed))
    return Caller(f"user:{user.get_username()}"[:150], allowed, by_session=True)


def presented_token(request: HttpRequest) -> str | None:
    """The text that the request shows as its token; None when it shows none."""
    own = request.headers.get(HEADER)
    if own is not None:
        return own.strip()
    return bearer_of(request.headers.get("Authorization", ""))


def _caller_of_token(text: str) -> Caller:
    found = find_token(text, noted_every=USE_IS_NOTED_EVERY)
    if found is not None:
        if found.refusal:
            log.warning("api_token_refused", token=found.token.name, why=found.refusal)
            raise Unauthenticated(f"The token {found.token.name} is {found.refusal}.")
        if found.use_is_due:
            note_use(found.token)
        return Caller(f"token:{found.token.name}", _known(found.token.scopes))
    setting = core_settings().events_api_token.get_secret_value()
    if setting and is_proven(text, digest_of(setting)):
        return Caller(f"token:{SETTING}", frozenset({TokenScope.EVENTS_WRITE}))
    log.warning("api_token_refused", prefix=prefix_of(text), why="unknown")
    raise Unauthenticated("The token is unknown; scheduler_token list shows those there are.")


def _known(scopes: Collection[str]) -> frozenset[TokenScope]:
    """Scopes that a newer version wrote stand for nothing here."""
    return frozenset(TokenScope(scope) for scope in scopes if scope in TokenScope)


def _any_view(request: HttpRequest) -> HttpResponse:
    """What the middleware asks for: a view that is not exempt."""
    return HttpResponse()


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        raise CsrfFailed


def _check_csrf(request: HttpRequest) -> None:
    check = _CsrfCheck(_any_view)
    check.process_request(request)
    check.process_view(request, _any_view, (), {})
