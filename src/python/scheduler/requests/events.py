"""Events as they are taken in: the event and the requests for its runs, in one transaction.

What this returns after its commit is a promise: the leader, whichever that is by then, turns each
request into one run (``record_requests``; unique by definition and ``e:<event>``), and the run has
the id that the caller was told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError

from scheduler.domain.events import EventFact, document
from scheduler.domain.triggers import (
    InvalidTrigger,
    Trigger,
    first_matching,
    mapped_args,
    patterns_for,
)
from scheduler.models import Event, EventTrigger, JobDefinition, RunRequest
from scheduler.models.choices import RequestKind
from scheduler.models.runs import new_id
from scheduler.requests.recording import Ring, tell, writing
from scheduler.store.clock import rdb_now

log = structlog.get_logger(__name__)

ROUNDS = 5
"""Of inserting what another has deleted meanwhile."""

Key = tuple[str, str]
"""Source and dedupe key: what makes an event the same as another."""


@dataclass(frozen=True, slots=True)
class FollowingRun:
    """A run that an event starts: it has this id as soon as the leader has made it."""

    job: str
    run_id: UUID


@dataclass(frozen=True, slots=True)
class Ingested:
    """One event as it was taken. ``repeated``: it, or its like, had been taken before; id and runs
    are those of the first."""

    event_id: UUID
    repeated: bool
    runs: tuple[FollowingRun, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    event: Event
    requests: tuple[RunRequest, ...]

    @property
    def key(self) -> Key | None:
        key = self.event.dedupe_key
        return None if key is None else (self.event.source, key)


def ingest(events: Sequence[EventFact], *, by: str, ring: Ring | None = None) -> list[Ingested]:
    """Take events in, all or none, each once by its source and dedupe key, whoever else posts the
    same at the same time. Returns one answer for each, in order.

    They must be ``checked`` (``domain.events``). Jobs that are disabled or deleted are not started;
    a quarantined one gets its run, which waits for the release. Some 7 statements for any number.
    """
    if not events:
        return []
    with writing():
        drafts = _drafts(events, rdb_now(), by)
        firsts = _insert(drafts)
        answers: list[Ingested] = []
        requests: list[RunRequest] = []
        for draft in drafts:
            first = firsts[draft.key] if draft.key else draft.event
            repeated = first.pk != draft.event.pk
            answers.append(Ingested(first.pk, repeated, _following(first)))
            if not repeated:
                requests += draft.requests
        RunRequest.objects.bulk_create(requests)
        if requests:
            tell(ring, "leader")
    return answers


def _drafts(events: Sequence[EventFact], now: datetime, by: str) -> list[_Draft]:
    triggers = _triggers_for({fact.type for fact in events})
    seen: set[Key] = set()
    found = []
    for fact in events:
        draft = _draft(fact, triggers, now, by)
        # The second of its kind in one list repeats the first.
        if draft.key in seen:
            draft = _Draft(draft.event, ())
        elif draft.key:
            seen.add(draft.key)
        found.append(draft)
    return found


def _draft(
    fact: EventFact,
    triggers: Sequence[tuple[JobDefinition, Trigger]],
    now: datetime,
    by: str,
) -> _Draft:
    event_id = new_id()
    told = document(event_id, fact)
    requests = []
    for job, trigger in first_matching(triggers, told).items():
        args = mapped_args(job.name, trigger, told, job.default_args_json)
        requests.append(_request(event_id, job, args, now, by))
    event = Event(
        id=event_id,
        type=fact.type,
        source=fact.source,
        subject=fact.subject,
        dedupe_key=fact.dedupe_key,
        payload=fact.payload,
        attributes=dict(fact.attributes),
        runs=[[request.definition.name, str(request.pk)] for request in requests],
        occurred_at=fact.occurred_at,
        received_at=now,
        received_by=by[:200],
        handled_at=now,
    )
    return _Draft(event, tuple(requests))


def _request(event_id: UUID, job: JobDefinition, args: Any, now: datetime, by: str) -> RunRequest:
    return RunRequest(
        id=new_id(),
        kind=RequestKind.EVENT,
        definition=job,
        slot_key=f"e:{event_id}",
        scheduled_for=now,
        args=args,
        event_id=event_id,
        requested_by=by[:200],
        requested_at=now,
    )


def _triggers_for(types: set[str]) -> list[tuple[JobDefinition, Trigger]]:
    """The triggers of jobs that may run whose event type fits one of ``types``."""
    patterns = {pattern for each in types for pattern in patterns_for(each)}
    rows = EventTrigger.objects.filter(
        event_type__in=patterns, definition__enabled=True, definition__deleted_at=None
    ).select_related("definition")
    found = []
    for row in rows.order_by("definition_id", "position"):
        try:
            found.append((row.definition, row.as_trigger()))
        except InvalidTrigger as error:
            # Written by no request. One job's must not keep the others from their events.
            log.error("trigger_unreadable", job=row.definition.name, reason=str(error))
    return found


def _insert(drafts: Sequence[_Draft]) -> Mapping[Key, Event]:
    """Insert the events that are not there yet; returns, by key, the event that was first.

    Another transaction that inserts the same key makes this one wait for its outcome. The order of
    keys is the same in all, so that no two wait for each other."""
    unkeyed = [draft.event for draft in drafts if draft.key is None]
    waiting = {draft.key: draft.event for draft in reversed(drafts) if draft.key}
    firsts: dict[Key, Event] = {}
    Event.objects.bulk_create(unkeyed)
    # A row that retention deletes between the two statements is inserted by the next round.
    for _ in range(ROUNDS):
        if not waiting:
            return firsts
        rows = [waiting[key] for key in sorted(waiting)]
        Event.objects.bulk_create(rows, ignore_conflicts=True)
        firsts |= _by_key(waiting)
        waiting = {key: event for key, event in waiting.items() if key not in firsts}
    if waiting:
        raise IntegrityError(f"{len(waiting)} events were neither inserted nor there")
    return firsts


def _by_key(wanted: Mapping[Key, Event]) -> dict[Key, Event]:
    sources, keys = {source for source, _ in wanted}, {key for _, key in wanted}
    rows = Event.objects.filter(source__in=sources, dedupe_key__in=keys)
    found = {(row.source, str(row.dedupe_key)): row for row in rows.only(*_TOLD)}
    return {key: row for key, row in found.items() if key in wanted}


_TOLD = ("id", "source", "dedupe_key", "runs")


def _following(event: Event) -> tuple[FollowingRun, ...]:
    return tuple(FollowingRun(job, UUID(run_id)) for job, run_id in event.runs)
