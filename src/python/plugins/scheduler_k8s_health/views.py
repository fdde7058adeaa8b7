"""/livez and /readyz of the web process.

A project may want a transaction around each request (``ATOMIC_REQUESTS``): not around these, which
must answer while the database does not.
"""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from scheduler.queries.readiness import web_readiness
from scheduler_k8s_health.probes import READINESS_KEPT_SECONDS, Verdict, answer
from scheduler_k8s_health.remembering import Remembered

_needs = Remembered(web_readiness, lambda: READINESS_KEPT_SECONDS)


@transaction.non_atomic_requests
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """200: this process takes requests and answers them. Nothing else is asked."""
    return _http(Verdict(()), request)


@transaction.non_atomic_requests
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when all that the web process needs is there, else 503. Takes ten seconds at most."""
    return _http(Verdict(_needs.get()), request)


def _http(verdict: Verdict, request: HttpRequest) -> HttpResponse:
    page = answer(verdict, request.GET.dict())
    return HttpResponse(
        page.body, status=page.status, content_type=page.content_type, headers=dict(page.headers)
    )
