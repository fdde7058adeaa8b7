"""What the operators see: routes, what waits, what was given up, the last errors."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from scheduler_notify import store
from scheduler_notify.messages import CHANNELS
from scheduler_notify.models import NotifyMessage, NotifyNotice
from scheduler_notify.settings import NotifySettings

ERRORS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class TroubledNotice:
    """A notice that was not delivered so far, or that was given up (``dead``)."""

    notice_id: UUID
    channel: str
    route: str
    state: str
    attempts: int
    formed_at: datetime
    next_attempt_at: datetime | None
    messages: int
    last_error: str


@dataclass(frozen=True, slots=True)
class Overview:
    """``counts`` are by channel: waiting, open, sent, dead. ``unrouted`` messages wait for the
    leader. ``troubled`` are the newest of those that were not delivered."""

    configured: tuple[str, ...]
    routes: tuple[dict[str, Any], ...]
    unrouted: int
    counts: dict[str, dict[str, int]]
    troubled: tuple[TroubledNotice, ...]


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message of a notice, in a line."""

    kind: str
    severity: str
    subject: str
    run_id: UUID | None
    happened_at: datetime


def overview(settings: NotifySettings) -> Overview:
    """As it is now."""
    found = store.counts()
    states = ("waiting", *NotifyNotice.State.values)
    return Overview(
        configured=tuple(settings.configured),
        routes=tuple(one.model_dump(mode="json", by_alias=True) for one in settings.routes),
        unrouted=NotifyMessage.objects.filter(routed_at=None).count(),
        counts={c: {state: found.get((c, state), 0) for state in states} for c in CHANNELS},
        troubled=tuple(_troubled()),
    )


def messages_in(notice_id: UUID) -> list[ListedMessage]:
    """Every message that the notice stands for; none: there is no such notice."""
    rows = NotifyMessage.objects.filter(deliveries__notice=notice_id).order_by("pk")
    fields = ("kind", "severity", "subject", "run_id", "happened_at")
    return [ListedMessage(*row) for row in rows.values_list(*fields)]


def _troubled() -> list[TroubledNotice]:
    rows = NotifyNotice.objects.exclude(state=NotifyNotice.State.SENT).exclude(last_error="")
    newest = rows.annotate(messages=Count("deliveries")).order_by("-formed_at")[:ERRORS_SHOWN]
    return [
        TroubledNotice(
            notice_id=row.pk,
            channel=row.channel,
            route=row.route,
            state=row.state,
            attempts=row.attempts,
            formed_at=row.formed_at,
            next_attempt_at=row.next_attempt_at if row.state == NotifyNotice.State.OPEN else None,
            messages=row.messages,
            last_error=row.last_error,
        )
        for row in newest
    ]
