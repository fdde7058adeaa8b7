"""The facts behind a reason, as plain values; and how they read in a sentence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from scheduler.domain.assignment import worker_slots
from scheduler.domain.concurrency import parallel_limit
from scheduler.domain.dependencies import Upstream, judged
from scheduler.domain.inquiry import Situation
from scheduler.domain.placement import why_not
from scheduler.domain.runs import ActiveRun
from scheduler.domain.values import Reason
from scheduler.models import JobDefinition
from scheduler.queries.why_words import NO_RUN, NOBODY, NOTES, OF_SLOT, TO_BE_TRIED_AGAIN, say

SHOWN = 10
"""Of workers, runs and upstreams so many are listed."""

_OF_WORKERS = {
    Reason.WAIT_NO_WORKER,
    Reason.WAIT_NO_QUEUE,
    Reason.WAIT_NO_LABEL,
    Reason.WAIT_NO_CAPABILITY,
    Reason.WAIT_CAPACITY,
}
_OF_HOLDERS = {Reason.WAIT_MAX_PARALLEL, Reason.WAIT_REPLACE, Reason.CONCURRENCY_FORBID}
_OF_UPSTREAMS = {Reason.WAIT_UPSTREAM, Reason.UPSTREAM_FAILED}


def facts_of(reason: Reason, situation: Situation, job: JobDefinition) -> dict[str, Any]:
    """What is to be known beside the reason of an obstacle."""
    run = situation.run
    if reason in _OF_WORKERS:
        return {
            "queue": run.queue,
            "labels": dict(run.required_labels),
            "executor": run.executor,
            "workers": _workers(situation),
        }
    if reason in _OF_HOLDERS:
        holders = [each for each in situation.active if each.definition_id == run.definition_id]
        return {"limit": parallel_limit(run), "runs": [_holder(each) for each in holders[:SHOWN]]}
    if reason in _OF_UPSTREAMS:
        upstreams = situation.upstreams.get(run.run_id, ())
        return {"upstreams": [_upstream(situation, each) for each in upstreams[:SHOWN]]}
    return {"since": job.quarantined_at} if reason is Reason.WAIT_QUARANTINED else {}


def _workers(situation: Situation) -> list[dict[str, Any]]:
    places = worker_slots(situation.workers, situation.active, situation.leader_worker_id)
    notes = why_not(places)
    views = {view.facts.worker_id: view for view in situation.workers}
    return [
        {
            "worker_id": place.worker_id,
            "node_id": views[place.worker_id].facts.node_id,
            "queues": sorted(place.queues),
            "labels": dict(place.labels),
            "open_runs": place.open_runs,
            "capacity": place.capacity,
            "note": notes[place.worker_id],
        }
        for place in places[:SHOWN]
    ]


def _holder(run: ActiveRun) -> dict[str, Any]:
    return {
        "run_id": str(run.run_id),
        "state": str(run.state),
        "worker_id": run.worker_id,
        "cancel_requested": run.cancel_requested,
    }


def _upstream(situation: Situation, upstream: Upstream) -> dict[str, Any]:
    outcome, run = judged(situation.run, upstream)
    link = upstream.link
    return {
        "job": link.upstream,
        "outcome": str(outcome),
        "slot": (run.scheduled_for if run else situation.run.scheduled_for).isoformat(),
        "state": str(run.state) if run else None,
        "run_id": str(run.run_id) if run else None,
        "retry_due": run.retry_due if run else False,
        "match": str(link.match),
        "on_failure": str(link.on_failure),
    }


def texts(facts: Mapping[str, Any], lang: str) -> dict[str, str]:
    """The facts as they read in a sentence."""
    return {name: _text(name, value, lang) for name, value in facts.items()}


def _text(name: str, value: Any, lang: str) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={each}" for key, each in value.items()) or "-"
    if name == "workers":
        return ", ".join(_worker_text(each, lang) for each in value) or say(NOBODY, lang, {})
    if name == "upstreams":
        return "; ".join(_upstream_text(each, lang) for each in value) or "-"
    if name == "runs":
        return ", ".join(
            f"{each['run_id']} ({each['state']}, {each['worker_id']})" for each in value
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value)


def _worker_text(worker: Mapping[str, Any], lang: str) -> str:
    note = worker["note"]
    told = say(NOTES[note], lang, {}) if note in NOTES else note
    load = f"{worker['open_runs']}/{worker['capacity']}"
    return f"{worker['worker_id']} ({', '.join(filter(None, (load, told)))})"


def _upstream_text(upstream: Mapping[str, Any], lang: str) -> str:
    job, slot = upstream["job"], moment(datetime.fromisoformat(upstream["slot"]))
    words = NO_RUN if upstream["run_id"] is None else OF_SLOT
    run = f" ({upstream['run_id']})" if upstream["run_id"] else ""
    state = upstream["state"]
    if upstream["retry_due"]:
        state = say(TO_BE_TRIED_AGAIN, lang, {"state": state})
    return f"{job}: {say(words, lang, {'slot': slot, 'state': state})}{run}"


def moment(instant: datetime) -> str:
    """In the site's time zone, with its offset."""
    return timezone.localtime(instant).strftime("%Y-%m-%d %H:%M:%S %z")


def plain(value: Any) -> Any:
    """A fact as JSON takes it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
