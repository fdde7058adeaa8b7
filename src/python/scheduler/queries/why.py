"""Why does a run not run, or why did it end as it did? Each reason with the fact behind it.

Nothing is decided here: a waiting run is put to the leader's own decider, with rows read this
moment (``domain.inquiry``). What the leader alone knows (which worker refused its last ping, how
many starts a cap has left) is not in these rows: then the reason that it has kept for the run is
told as it stands.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from scheduler.domain.errors import RunNotFound
from scheduler.domain.inquiry import obstacles
from scheduler.domain.values import Reason, RunState
from scheduler.models import JobRun, WorkerLease
from scheduler.queries.runs import explanation
from scheduler.queries.why_facts import facts_of, plain, texts
from scheduler.queries.why_situation import Standing, situation_of, standing
from scheduler.queries.why_words import ENDED, UNKNOWN, WILL_NOT_START, WORDS, say
from scheduler.store.clock import rdb_now
from scheduler.store.connections import database_from_settings
from scheduler.store.inquiry import SqlInquiry


@dataclass(frozen=True, slots=True)
class Answer:
    """One reason. ``code`` is a ``Reason``, a state, or a key of ``why_words.WORDS``; ``facts``
    are plain JSON values; ``until`` is when it ends by itself, where that is known. ``more`` are
    the other reasons there are, each of which would hold the run too."""

    code: str
    sentence: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None
    more: tuple["Answer", ...] = ()


@contextmanager
def inquiry() -> Iterator[SqlInquiry]:
    """The leader's reads on a connection of their own. DatabaseUnavailable."""
    reads = SqlInquiry(database_from_settings(settings.DATABASES["default"]))
    try:
        yield reads
    finally:
        reads.close()


def why_run(run_id: UUID, now: datetime | None = None, *, lang: str = "en") -> Answer:
    """Why the run waits, or what became of it; ``now`` is cluster time (None: ask the RDB).

    ``lang``: ``ja`` for Japanese, else English. Raises RunNotFound, DatabaseUnavailable."""
    run = JobRun.objects.select_related("definition").filter(pk=run_id).first()
    if run is None:
        raise RunNotFound(run_id)
    with inquiry() as reads:
        return answer_of(run, reads, now or rdb_now(), lang)


def answer_of(run: JobRun, reads: SqlInquiry, now: datetime, lang: str) -> Answer:
    """As ``why_run``, of a row with its definition."""
    told = list(_told(run, reads, now, lang))
    return replace(told[0], more=tuple(told[1:]))


def answer(
    code: str,
    facts: Mapping[str, Any],
    lang: str,
    *,
    until: datetime | None = None,
    detail: str = "",
) -> Answer:
    """The answer of this code in its words; ``detail`` is kept among the facts."""
    words, known = WORDS.get(code, UNKNOWN), dict(facts)
    if detail:
        known["detail"] = detail
    sentence = say(words, lang, texts(known | {"code": code}, lang))
    if detail and code not in _SAID_BY_FACTS:
        sentence = f"{sentence} ({detail})"
    return Answer(str(code), sentence, plain(known), until)


_SAID_BY_FACTS = frozenset(
    {
        "WAIT_UPSTREAM",
        "WAIT_MAX_PARALLEL",
        "WAIT_REPLACE",
        "WAIT_NO_WORKER",
        "WAIT_NO_QUEUE",
        "WAIT_NO_LABEL",
        "WAIT_NO_CAPABILITY",
        "WAIT_CAPACITY",
        "WAIT_PAUSED",
        "WAIT_QUARANTINED",
        "WAIT_REPLAY",
    }
)
"""Their sentences hold all that the decider's own (English) detail says."""


def _told(run: JobRun, reads: SqlInquiry, now: datetime, lang: str) -> Iterator[Answer]:
    if run.finished_at is not None:
        yield from _ended(run, lang)
        return
    yield from no_leader(standing(reads), lang)
    if run.cancel_requested_at is not None:
        yield answer("CANCEL_REQUESTED", {"since": run.cancel_requested_at}, lang)
    if run.state == RunState.PENDING:
        yield from _waiting(run, reads, now, lang)
    else:
        yield from _under_way(run, reads, now, lang)


def no_leader(found: Standing, lang: str) -> Iterable[Answer]:
    """The answer that nobody leads, where nobody does."""
    if found.led:
        return ()
    return (answer("NO_LEADER", {"seen": found.seen_at, "leader": found.leader}, lang),)


# -------------------------------------------------------------------------------------- waiting


def _waiting(run: JobRun, reads: SqlInquiry, now: datetime, lang: str) -> Iterator[Answer]:
    found = situation_of(reads, run.pk, now)
    if found is None:
        yield answer("READY", {}, lang)
        return
    early = run.due_at > now
    if early:
        code = "RETRY_BACKOFF" if run.attempt > 1 else "NOT_DUE"
        facts = {"due": run.due_at, "attempt": run.attempt}
        yield answer(code, facts, lang, until=run.due_at)
    if found.awaited is not None:
        yield answer("WAIT_REPLAY", {"awaited": found.awaited}, lang)
    named = set()
    for each in obstacles(found.situation):
        if early and each.reason not in _LASTING:
            continue
        named.add(each.reason.value)
        facts = facts_of(each.reason, found.situation, run.definition)
        until = found.upstream_until if each.reason is Reason.WAIT_UPSTREAM else None
        told = answer(each.reason, facts, lang, until=until, detail=each.detail)
        yield _will_not_start(told, lang) if each.ends_it else told
    yield from _kept(run, named, lang)
    if not early and not named and found.awaited is None:
        yield answer("READY", {}, lang)


_LASTING = frozenset(
    {
        Reason.WAIT_PAUSED,
        Reason.WAIT_QUARANTINED,
        Reason.WAIT_NO_WORKER,
        Reason.WAIT_NO_QUEUE,
        Reason.WAIT_NO_LABEL,
        Reason.WAIT_NO_CAPABILITY,
    }
)
"""What may be said of a run before it is due: the rest may be otherwise by then."""

_FRESH = frozenset(
    {*map(str, _LASTING), "WAIT_UPSTREAM", "WAIT_MAX_PARALLEL", "WAIT_REPLACE", "WAIT_CAPACITY"}
    | {"WAIT_REPLAY"}
)
"""Reasons that are judged anew: one that is kept and no longer holds is not told."""


def _kept(run: JobRun, named: set[str], lang: str) -> Iterable[Answer]:
    if not run.reason or run.reason in _FRESH | named:
        return ()
    return (answer(run.reason, {"worker": run.worker_id}, lang, detail=explanation(run.pk)),)


def _will_not_start(told: Answer, lang: str) -> Answer:
    sentence = say(WILL_NOT_START, lang, {"sentence": told.sentence})
    return replace(told, sentence=sentence)


# ------------------------------------------------------------------------- under way, and ended


def _under_way(run: JobRun, reads: SqlInquiry, now: datetime, lang: str) -> Iterator[Answer]:
    since = run.started_at or run.assigned_at
    if run.state == RunState.ASSIGNED and run.due_at > now:
        yield answer("NOT_DUE", {"due": run.due_at}, lang, until=run.due_at)
    yield answer(run.state, {"worker": run.worker_id, "since": since}, lang)
    if run.state == RunState.ASSIGNED and reads.cluster().paused:
        yield answer("WAIT_PAUSED", {}, lang)
    lease = WorkerLease.objects.filter(pk=run.worker_id).first()
    if lease is not None and lease.suspect_since is not None:
        yield answer(
            "SUSPECT_WORKER", {"worker": run.worker_id, "since": lease.suspect_since}, lang
        )


def _ended(run: JobRun, lang: str) -> Iterator[Answer]:
    facts = {
        "state": run.state,
        "finished": run.finished_at,
        "worker": run.worker_id,
        "exit_code": run.exit_code,
    }
    told = answer(run.reason or run.state, facts, lang, detail=explanation(run.pk))
    yield replace(told, sentence=say(ENDED, lang, {"state": run.state, "sentence": told.sentence}))
    slot = JobRun.objects.filter(definition_id=run.definition_id, slot_key=run.slot_key)
    later = slot.filter(attempt=run.attempt + 1).first()
    if later is not None:
        yield answer("RETRIED", {"next": str(later.pk), "state": later.state}, lang)
    elif run.retry_due_at is not None:
        due = {"due": run.retry_due_at, "attempt": run.attempt + 1}
        yield answer("RETRY_BACKOFF", due, lang, until=run.retry_due_at)
