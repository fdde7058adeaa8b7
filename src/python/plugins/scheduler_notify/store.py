"""The plugin's tables, and nothing else of the database.

Whatever two leaders that overlap might both do is decided by a row: a message is routed by the
transaction that locks it, a notice is formed of deliveries that are still in none, and is sent by
whoever takes its lease.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet

from scheduler_notify.grouping import PlannedNotice, Waiting
from scheduler_notify.messages import FAILURES, Channel, Form, Kind, Message, Severity
from scheduler_notify.models import (
    NotifyDelivery,
    NotifyFailingJob,
    NotifyMessage,
    NotifyNotice,
)
from scheduler_notify.routes import Route
from scheduler_notify.routing import group_key

WAITING_AT_ONCE = 5000
State = NotifyNotice.State


@dataclass(frozen=True, slots=True)
class ClaimedNotice:
    """A notice that this sender holds until ``lease_until``."""

    notice_id: UUID
    claim: UUID
    form: Form
    attempts: int
    formed_at: datetime
    queued_at: datetime
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class FailingJob:
    """A job that has failed, at first and at last, and not been told of as recovered. ``heard``:
    the route by which each channel heard of it; None: not known."""

    definition_id: int
    job: str
    since: datetime
    last_run_id: UUID
    last_failed_at: datetime
    failures: int
    heard: Mapping[str, str] | None = None


# ----------------------------------------------------------------------------------- messages


def keep(messages: Iterable[Message]) -> None:
    """Write messages down; those whose key is there already are left as they are."""
    rows = [_row(one) for one in messages]
    NotifyMessage.objects.bulk_create(rows, batch_size=200, ignore_conflicts=True)


def anything_unrouted() -> bool:
    """Whether messages wait to be routed."""
    return NotifyMessage.objects.filter(routed_at=None).exists()


def lock_unrouted(limit: int) -> dict[int, Message]:
    """The oldest messages nobody routes at present, by id; call in a transaction."""
    rows = NotifyMessage.objects.select_for_update(skip_locked=True).filter(routed_at=None)
    return {row.pk: _message(row) for row in rows.order_by("pk")[:limit]}


def routed(
    message_id: int,
    message: Message,
    destinations: Mapping[Channel, Route],
    now: datetime,
) -> None:
    """Write down who hears of a locked message, and what was learnt of it; a failure makes its
    job one that fails."""
    NotifyDelivery.objects.bulk_create(
        [
            NotifyDelivery(
                message_id=message_id,
                channel=channel,
                route=route.name,
                group_key=group_key(route, message)[:600],
                since=now,
            )
            for channel, route in destinations.items()
        ],
        ignore_conflicts=True,
    )
    changed = {"severity": message.severity.value, "facts": dict(message.facts), "routed_at": now}
    NotifyMessage.objects.filter(pk=message_id).update(**changed)
    if message.kind in FAILURES and message.severity is Severity.ERROR:
        _has_failed(message, {channel: route.name for channel, route in destinations.items()})


def _has_failed(message: Message, heard: Mapping[str, str]) -> None:
    if message.definition_id is None or message.run_id is None:
        return
    last = {"last_run_id": message.run_id, "last_failed_at": message.happened_at}
    first = {"job": message.job, "since": message.happened_at, "heard": dict(heard), **last}
    rows = NotifyFailingJob.objects.filter(definition_id=message.definition_id)
    # Locked, so that its recovery is not told at the same time; made anew where it just was.
    while (row := rows.select_for_update().first()) is None:
        _, is_new = rows.get_or_create(definition_id=message.definition_id, defaults=first)
        if is_new:
            return
    changed = last if message.happened_at >= row.last_failed_at else {}
    known = None if row.heard is None else {**row.heard, **heard}
    rows.update(failures=F("failures") + 1, job=message.job, heard=known, **changed)


def heard_of(dedupe_key: str) -> dict[str, str] | None:
    """The channels that the message goes to, each with its route; None: it is not there, or not
    routed yet."""
    return _heard(NotifyMessage.objects.filter(dedupe_key=dedupe_key))


def heard_of_alert(code: str, job: str) -> dict[str, str] | None:
    """As ``heard_of``, for the last alert of the code that concerns the job."""
    alerts = NotifyMessage.objects.filter(kind=Kind.ALERT.value, job=job, facts__code=code)
    return _heard(alerts.order_by("-pk"))


def _heard(rows: QuerySet[NotifyMessage]) -> dict[str, str] | None:
    row = rows.first()
    if row is None or row.routed_at is None:
        return None
    return dict(row.deliveries.values_list("channel", "route"))


# ----------------------------------------------------------------------------------- failing jobs


def failing_jobs(after: int, limit: int) -> list[FailingJob]:
    """Jobs that have failed and not been told of as recovered, with ids above ``after``."""
    rows = NotifyFailingJob.objects.filter(definition_id__gt=after).order_by("definition_id")
    return [
        FailingJob(
            definition_id=row.definition_id,
            job=row.job,
            since=row.since,
            last_run_id=row.last_run_id,
            last_failed_at=row.last_failed_at,
            failures=row.failures,
            heard=row.heard,
        )
        for row in rows[:limit]
    ]


def recover(
    job: FailingJob, message: Message, destinations: Mapping[Channel, Route], now: datetime
) -> bool:
    """The job works again: it is no longer failing, and the message of it is kept and routed, both
    or neither. False when it has failed anew in the meantime, or another leader was first."""
    with transaction.atomic():
        seen = NotifyFailingJob.objects.filter(
            definition_id=job.definition_id, last_run_id=job.last_run_id
        )
        gone, _ = seen.delete()
        if gone:
            keep([message])
            row = NotifyMessage.objects.get(dedupe_key=message.dedupe_key)
            routed(row.pk, message, destinations, now)
    return bool(gone)


# ----------------------------------------------------------------------------------- notices


def waiting(channel: str, route: str) -> list[Waiting]:
    """The deliveries that are in no notice yet, oldest first, up to WAITING_AT_ONCE."""
    rows = NotifyDelivery.objects.filter(channel=channel, route=route, notice=None).order_by("pk")
    found = rows.values_list("pk", "group_key", "since", "held_at")[:WAITING_AT_ONCE]
    return [Waiting(key, group, since, held is not None) for key, group, since, held in found]


def waiting_places() -> list[tuple[str, str]]:
    """Each (channel, route) for which something waits."""
    rows = NotifyDelivery.objects.filter(notice=None).order_by()
    return sorted(rows.values_list("channel", "route").distinct())


def formed_since(channel: str, route: str, since: datetime) -> list[datetime]:
    """When notices were formed for the channel by the route."""
    rows = NotifyNotice.objects.filter(channel=channel, route=route, formed_at__gt=since)
    return list(rows.values_list("formed_at", flat=True))


def hold(delivery_ids: Collection[int], now: datetime) -> None:
    """A limit holds these back."""
    NotifyDelivery.objects.filter(pk__in=delivery_ids, held_at=None).update(held_at=now)


def form(channel: str, route: str, planned: PlannedNotice, now: datetime) -> bool:
    """Make the notice; False, and nothing done, when one of its members is in another already."""
    members = NotifyDelivery.objects.filter(pk__in=planned.members, notice=None)
    with transaction.atomic():
        notice = NotifyNotice.objects.create(
            id=uuid4(),
            channel=channel,
            route=route,
            form=planned.form.value,
            formed_at=now,
            queued_at=now,
            next_attempt_at=now,
        )
        taken = members.update(notice=notice)
        if taken != len(planned.members):
            transaction.set_rollback(True)
    return taken == len(planned.members)


def claim(channel: str, now: datetime, lease: timedelta) -> ClaimedNotice | None:
    """Take the notice of the channel that has been due longest, for the time of the lease."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    due = NotifyNotice.objects.filter(
        free, channel=channel, state=State.OPEN, next_attempt_at__lte=now
    )
    for notice_id in due.order_by("next_attempt_at").values_list("pk", flat=True)[:5]:
        token = uuid4()
        won = NotifyNotice.objects.filter(free, pk=notice_id, state=State.OPEN).update(
            claim=token, lease_until=now + lease, attempts=F("attempts") + 1
        )
        if won:
            return _claimed(notice_id, token)
    return None


def next_due(channel: str) -> datetime | None:
    """When the channel's next notice is due; None: there is none."""
    rows = NotifyNotice.objects.filter(channel=channel, state=State.OPEN)
    at: datetime | None = rows.aggregate(at=Min("next_attempt_at"))["at"]
    return at


def sent(notice: ClaimedNotice, now: datetime, remark: str = "") -> bool:
    """It was delivered. False when its lease had run out and another has taken it."""
    return _settle(notice, state=State.SENT, settled_at=now, last_error=remark)


def not_sent(notice: ClaimedNotice, error: str, again_at: datetime) -> bool:
    """It was not delivered, and is due again later. False as with ``sent``."""
    return _settle(notice, next_attempt_at=again_at, last_error=error)


def given_up(notice: ClaimedNotice, error: str, now: datetime) -> bool:
    """It was not delivered, and is not tried any more. False as with ``sent``."""
    return _settle(notice, state=State.DEAD, settled_at=now, last_error=error)


def _settle(notice: ClaimedNotice, **changes: object) -> bool:
    mine = NotifyNotice.objects.filter(pk=notice.notice_id, claim=notice.claim, state=State.OPEN)
    return bool(mine.update(claim=None, lease_until=None, **changes))


def _claimed(notice_id: UUID, token: UUID) -> ClaimedNotice:
    row = NotifyNotice.objects.get(pk=notice_id)
    members = NotifyMessage.objects.filter(deliveries__notice=notice_id).order_by("pk")
    return ClaimedNotice(
        notice_id=row.pk,
        claim=token,
        form=Form(row.form),
        attempts=row.attempts,
        formed_at=row.formed_at,
        queued_at=row.queued_at,
        messages=tuple(map(_message, members)),
    )


# ----------------------------------------------------------------------------------- looking after


def requeue_dead(now: datetime, channel: str | None = None) -> int:
    """Notices that were given up are due again, and their time counts anew; how many."""
    rows = NotifyNotice.objects.filter(state=State.DEAD)
    if channel is not None:
        rows = rows.filter(channel=channel)
    return rows.update(
        state=State.OPEN, queued_at=now, next_attempt_at=now, attempts=0, settled_at=None
    )


def purge(before: datetime, limit: int = 1000) -> int:
    """Forget messages older than ``before`` of which nothing waits, is on its way or was settled
    later, and the notices that are left with none; how many messages."""
    of_it = NotifyDelivery.objects.filter(message=OuterRef("pk"))
    settled_later = Q(notice__settled_at__gte=before)
    on_the_way = of_it.filter(Q(notice=None) | Q(notice__state=State.OPEN) | settled_later)
    old = NotifyMessage.objects.filter(~Exists(on_the_way), created_at__lt=before)
    settled = old.filter(routed_at__isnull=False).order_by("created_at")
    ids = list(settled.values_list("pk", flat=True)[:limit])
    NotifyMessage.objects.filter(pk__in=ids).delete()
    empty = NotifyNotice.objects.filter(formed_at__lt=before, deliveries=None)
    empty.exclude(state=State.OPEN).delete()
    return len(ids)


def counts() -> dict[tuple[str, str], int]:
    """Notices by (channel, state), and under the state ``waiting`` what is in no notice yet."""
    sent = NotifyNotice.objects.filter(state=State.SENT)
    return {**unsettled_counts(), **_by_channel(State.SENT, sent)}


def unsettled_counts() -> dict[tuple[str, str], int]:
    """As ``counts``, without what was sent: read by partial indexes, however much that is."""
    found = _by_channel("waiting", NotifyDelivery.objects.filter(notice=None))
    for state in (State.OPEN, State.DEAD):
        found |= _by_channel(state, NotifyNotice.objects.filter(state=state))
    return found


def _by_channel(name: str, rows: QuerySet[Any]) -> dict[tuple[str, str], int]:
    found = rows.order_by().values_list("channel").annotate(n=Count("pk"))
    return {(channel, str(name)): n for channel, n in found}


def _row(message: Message) -> NotifyMessage:
    return NotifyMessage(
        dedupe_key=message.dedupe_key,
        kind=message.kind.value,
        severity=message.severity.value,
        resolved=message.resolved,
        subject=message.subject,
        job=message.job,
        definition_id=message.definition_id,
        run_id=message.run_id,
        facts=dict(message.facts),
        happened_at=message.happened_at,
    )


def _message(row: NotifyMessage) -> Message:
    return Message(
        dedupe_key=row.dedupe_key,
        kind=Kind(row.kind),
        severity=Severity(row.severity),
        subject=row.subject,
        happened_at=row.happened_at,
        job=row.job,
        definition_id=row.definition_id,
        run_id=row.run_id,
        resolved=row.resolved,
        facts=row.facts,
    )
