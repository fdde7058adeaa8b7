"""``POST /api/events/ingest/``: events from outside, kept with the requests for their runs.

202: taken, and the answer names the runs that follow. 200: all of it had been taken before (or the
list was empty); the answer is that of the first time. Everything else is a problem (RFC 9457) and
nothing was taken.
"""

import math
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from scheduler.api.authentication import authenticate
from scheduler.api.decoding import MalformedBody, decode
from scheduler.api.problems import answering_problems, method_not_allowed
from scheduler.bootstrap.ringing import ring_of
from scheduler.domain.events import EventLimits
from scheduler.domain.rates import Bucket, take
from scheduler.domain.tokens import TokenScope
from scheduler.plugin_api.problems import HttpProblem
from scheduler.queries.in_force import core_settings
from scheduler.requests.events import Ingested, ingest

CALLERS_KEPT = 10_000


class BodyTooLarge(HttpProblem):
    """The body is longer than a request's may be."""

    code = "BODY_TOO_LARGE"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The body is longer than {limit} bytes (SCHEDULER_EVENTS_MAX_REQUEST_BYTES);"
            " send fewer events at once."
        )


class TooFast(HttpProblem):
    """A caller posted more events than it may in a minute."""

    code = "TOO_FAST"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, caller: str, per_minute: int, wait_seconds: float) -> None:
        self.wait_seconds = max(1, math.ceil(wait_seconds))
        self.headers = {"Retry-After": str(self.wait_seconds)}
        super().__init__(
            f"{caller} may post {per_minute} events a minute (SCHEDULER_EVENTS_PER_MINUTE);"
            f" nothing was taken, try again in {self.wait_seconds} s."
        )


class RateLimit:
    """Counts the events of each caller in this process. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buckets: dict[str, Bucket] = {}

    def take(self, caller: str, events: int, per_minute: int, now: float) -> None:
        """Raises TooFast; ``per_minute`` 0 means no limit."""
        if not per_minute:
            return
        with self._lock:
            if len(self._buckets) >= CALLERS_KEPT:
                self._buckets.clear()
            bucket, wait = take(self._buckets.get(caller), events, per_minute, now)
            self._buckets[caller] = bucket
        if wait:
            raise TooFast(caller, per_minute, wait)


rate_limit = RateLimit()


@csrf_exempt  # authenticate() checks sessions itself; a token needs no such proof.
@transaction.non_atomic_requests
@answering_problems
def ingest_events(request: HttpRequest) -> HttpResponseBase:
    """Take one event or a list, in this platform's JSON or as CloudEvents 1.0."""
    if request.method != "POST":
        return method_not_allowed(request, "POST")
    caller = authenticate(request)
    caller.must(TokenScope.EVENTS_WRITE)
    settings = core_settings()
    limits = EventLimits(settings.events_max_bytes, settings.events_max_depth)
    body = _body(request, settings.events_max_request_bytes)
    posted = decode(request.headers, body, limits, settings.events_max_batch)
    rate_limit.take(caller.name, len(posted.events), settings.events_per_minute, monotonic())
    found = ingest(posted.events, by=caller.name, ring=ring_of(settings).ring)
    told = [_told(one) for one in found]
    status = HTTPStatus.OK if all(one.repeated for one in found) else HTTPStatus.ACCEPTED
    answer = {"events": told} if posted.is_list else told[0]
    return JsonResponse(answer, status=status.value, headers={"Cache-Control": "no-store"})


def _told(one: Ingested) -> dict[str, Any]:
    return {
        "id": str(one.event_id),
        "status": "repeated" if one.repeated else "accepted",
        "runs": [{"job": run.job, "run_id": str(run.run_id)} for run in one.runs],
    }


def _body(request: HttpRequest, limit: int) -> bytes:
    # Not request.body: that one has a limit of Django's own, for forms.
    try:
        body = request.read(limit + 1)
    except UnreadablePostError:
        raise MalformedBody("it ended too early") from None
    if len(body) > limit:
        raise BodyTooLarge(limit)
    return body
