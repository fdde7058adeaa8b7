"""``POST /api/alertmanager/webhook/``: what Alertmanager tells is written down, nothing else.

200: it is written down, so Alertmanager need not send it again. Everything else is a problem
(RFC 9457), and nothing was taken; 5xx makes Alertmanager try again.
"""

from django.db import Error as DatabaseError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.header_tokens import shows
from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.problems import HttpProblem, MethodNotAllowed
from scheduler.queries.clock import cluster_now
from scheduler_notify.alertmanager import messages_of, read_payload
from scheduler_notify.in_force import settings_in_force
from scheduler_notify.refusals import (
    BodyTooLarge,
    MalformedBody,
    NotSetUp,
    NotWrittenDown,
    Unauthenticated,
    UnsupportedMediaType,
)
from scheduler_notify.store import keep

BODY_AT_MOST = 1_048_576
SETTING = "SCHEDULER_ALERT_WEBHOOK_TOKEN"
log = get_logger("scheduler.notify")


@csrf_exempt  # A token in a header proves the caller; no cookie is looked at.
@transaction.non_atomic_requests
def receive(request: HttpRequest) -> HttpResponse:
    """Take a notification of Alertmanager's webhook receiver."""
    try:
        return _taken(request)
    except HttpProblem as error:
        return error.answer()
    except (DatabaseError, SchedulerError) as error:
        log.error("alertmanager_webhook_failed", exc_info=error)
        sentence = "The alerts could not be written down; send them again later."
        return NotWrittenDown(sentence).answer()


def _taken(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        raise MethodNotAllowed(request.method, "POST")
    _authenticate(request, settings_in_force().alert_webhook_token.get_secret_value())
    messages = messages_of(read_payload(_body(request)), cluster_now())
    keep(messages)
    answer = JsonResponse({"alerts": len(messages)})
    answer["Cache-Control"] = "no-store"
    return answer


def _authenticate(request: HttpRequest, token: str) -> None:
    if not token:
        raise NotSetUp(f"No token is set, so nothing is taken; set {SETTING}.")
    if not shows(request.headers, token):
        sentence = f"The token is missing or wrong; send {SETTING} as Authorization: Bearer."
        raise Unauthenticated(sentence)


def _body(request: HttpRequest) -> bytes:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    media = (request.content_type or "").lower()
    if encoding != "identity" or media != "application/json":
        raise UnsupportedMediaType("Only application/json without encoding is taken here.")
    # Not request.body: that one has a limit of Django's own, for forms.
    try:
        body = request.read(BODY_AT_MOST + 1)
    except UnreadablePostError:
        raise MalformedBody("The body ended too early.") from None
    if len(body) > BODY_AT_MOST:
        sentence = (
            f"The body is longer than {BODY_AT_MOST} bytes; set max_alerts in Alertmanager's"
            " webhook_configs."
        )
        raise BodyTooLarge(sentence)
    return body
