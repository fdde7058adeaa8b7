"""Each reason told with the fact behind it, judged from rows as they are now."""

from collections.abc import Callable
from datetime import timedelta
from string import Formatter
from uuid import UUID, uuid4

import pytest

from scheduler import requests
from scheduler.domain.assignment import worker_slots
from scheduler.domain.errors import RunNotFound
from scheduler.domain.placement import why_not
from scheduler.domain.values import DesiredMode, Reason, RunState
from scheduler.models import JobRun, WorkerLease
from scheduler.queries.why import Answer, why_run
from scheduler.queries.why_words import NOTES, WORDS
from tests.contract.store.world import T0, World, result
from tests.integration.store.situations import (
    NOW,
    able,
    alter,
    busy,
    job,
    waiting,
    without_queue,
)
from tests.unit.domain.builders import worker_view

__all__ = ["able"]


def codes(answer: Answer) -> list[str]:
    return [answer.code, *(each.code for each in answer.more)]


# ---------------------------------------------------------------------------- the table of words


@pytest.mark.parametrize("reason", sorted(Reason))
def test_each_reason_has_its_words_in_both_languages(reason):
    words = WORDS.get(reason.value)
    assert words is not None, f"write what {reason} means into scheduler/queries/why_words.py"
    assert words.en.endswith(".")
    assert words.ja.endswith("。")


@pytest.mark.parametrize("code", sorted(WORDS))
def test_both_languages_tell_the_same_facts(code):
    words = WORDS[code]
    en, ja = ({name for _, name, _, _ in Formatter().parse(text)} for text in (words.en, words.ja))
    assert en == ja


@pytest.mark.parametrize("desired", ["draining", "detached"])
def test_what_is_said_of_a_worker_has_its_words(desired):
    views = [worker_view("w-1", desired=DesiredMode(desired)), worker_view("w-2", suspect=True)]
    views += [worker_view("w-3"), worker_view("w-leader")]
    notes = why_not(worker_slots(views, [], "w-leader")).values()
    assert {note for note in notes if note} <= NOTES.keys()


# ------------------------------------------------------------------------------ runs that wait

Make = Callable[[World], UUID]


def paused(world: World) -> UUID:
    requests.pause(by="ann")
    return waiting(world)


def quarantined(world: World) -> UUID:
    run = waiting(world)
    alter(quarantined_at=T0)
    return run


def at_its_limit(world: World) -> UUID:
    first = waiting(world, max_parallel=1)
    busy(world, first)
    return waiting(world, index=1)


def forbidden(world: World) -> UUID:
    busy(world, waiting(world, concurrency_policy="forbid"))
    return waiting(world, index=1)


def replacing(world: World) -> UUID:
    busy(world, waiting(world, concurrency_policy="replace"))
    return waiting(world, index=1)


def replaced(world: World) -> UUID:
    first = waiting(world, concurrency_policy="replace")
    waiting(world, index=1)
    return first


def without_worker(world: World) -> UUID:
    for worker in ("w-1", "w-2"):
        requests.request_drain(worker, by="ann")
    return waiting(world)


def without_label(world: World) -> UUID:
    return waiting(world, required_labels={"zone": "z"})


def without_capability(world: World) -> UUID:
    return waiting(world, executor="shell")


def full(world: World) -> UUID:
    others = [waiting(world, "other", index) for index in range(10)]
    world.start(others, "w-2")
    return waiting(world)


def late(world: World) -> UUID:
    return waiting(world, skip_late_after_seconds=30)


def behind_an_upstream(world: World) -> UUID:
    job("up")
    mine = waiting(world)
    requests.set_dependencies("report", ["up"], by="ann")
    waiting(world, "up")
    return mine


def after_a_failed_upstream(world: World) -> UUID:
    mine = behind_an_upstream(world)
    upstream = JobRun.objects.get(definition__name="up").pk
    token = busy(world, upstream)
    world.workers.finish("w-2", [result(upstream, token, RunState.FAILED)])
    return mine


def to_be_canceled(world: World) -> UUID:
    run = waiting(world)
    requests.request_cancel(run, by="ann")
    return run


def not_due(world: World) -> UUID:
    return waiting(world, index=3600)


def with_a_retry_to_come(world: World) -> UUID:
    run = waiting(world, max_attempts=2)
    token = busy(world, run)
    failed = result(run, token, RunState.FAILED, retry_delay_seconds=3600.0)
    world.workers.finish("w-2", [failed])
    (again,) = world.leader.spawn_retries(world.fence, 10)
    return again


def capped(world: World) -> UUID:
    run = waiting(world)
    JobRun.objects.filter(pk=run).update(reason="WAIT_START_CAP")
    return run


def of_a_newer_version(world: World) -> UUID:
    run = waiting(world)
    JobRun.objects.filter(pk=run).update(reason="WAIT_FOR_THE_MOON")
    return run


def awaiting_replay(world: World) -> UUID:
    WorkerLease.objects.filter(pk="w-2").update(replayed_timeline=99)
    return waiting(world)


def leaderless(world: World) -> UUID:
    run = waiting(world)
    world.value("UPDATE scheduler_cluster SET released = true RETURNING 1")
    return run


def free(world: World) -> UUID:
    return waiting(world)


CASES: list[tuple[str, Make, str]] = [
    ("WAIT_PAUSED", paused, "paused"),
    ("WAIT_QUARANTINED", quarantined, "since 2026-11-23"),
    ("WAIT_MAX_PARALLEL", at_its_limit, "as it allows (1)"),
    ("CONCURRENCY_FORBID", forbidden, "(RUNNING) was still going on"),
    ("WAIT_REPLACE", replacing, "RUNNING, w-2"),
    ("REPLACED", replaced, "will not start"),
    ("WAIT_NO_WORKER", without_worker, "w-2 (0/10, is draining)"),
    ("WAIT_NO_QUEUE", without_queue, "queue heavy"),
    ("WAIT_NO_LABEL", without_label, "labels zone=z"),
    ("WAIT_NO_CAPABILITY", without_capability, "executor shell"),
    ("WAIT_CAPACITY", full, "w-2 (10/10)"),
    ("SKIP_LATE", late, "will not start"),
    ("WAIT_UPSTREAM", behind_an_upstream, "up: slot"),
    ("UPSTREAM_FAILED", after_a_failed_upstream, "FAILED (run "),
    ("CANCEL_REQUESTED", to_be_canceled, "requested at"),
    ("NOT_DUE", not_due, "2026-11-23"),
    ("RETRY_BACKOFF", with_a_retry_to_come, "Attempt 2"),
    ("WAIT_START_CAP", capped, "as many starts"),
    ("WAIT_FOR_THE_MOON", of_a_newer_version, "WAIT_FOR_THE_MOON"),
    ("WAIT_REPLAY", awaiting_replay, "w-2"),
    ("NO_LEADER", leaderless, "Nobody leads"),
    ("READY", free, "Nothing holds it"),
]


@pytest.mark.parametrize(("code", "make", "said"), CASES, ids=[case[0] for case in CASES])
def test_a_waiting_run_says_why(able: World, code, make, said):
    run = make(able)
    answer = why_run(run, NOW)
    assert answer.code == code
    assert said in answer.sentence
    japanese = why_run(run, NOW, lang="ja")
    assert japanese.code == code
    assert "。" in japanese.sentence


def test_all_reasons_are_told_not_the_first_alone(able: World):
    job("up")
    run = waiting(able, queue="heavy", max_parallel=1)
    busy(able, waiting(able, index=1))
    waiting(able, "up")
    requests.set_dependencies("report", ["up"], by="ann")
    requests.pause(by="ann")
    alter(quarantined_at=T0)
    assert codes(why_run(run, NOW)) == [
        "WAIT_UPSTREAM",
        "WAIT_PAUSED",
        "WAIT_QUARANTINED",
        "WAIT_MAX_PARALLEL",
        "WAIT_NO_QUEUE",
    ]


def test_what_is_kept_and_holds_no_longer_is_not_told(able: World):
    run = waiting(able)
    able.leader.wait(able.fence, [(run, Reason.WAIT_CAPACITY, "all full")])
    assert codes(why_run(run, NOW)) == ["READY"]


def test_the_facts_are_plain_values_and_name_what_is_behind(able: World):
    answer = why_run(behind_an_upstream(able), NOW)
    (upstream,) = answer.facts["upstreams"]
    assert upstream["job"] == "up"
    assert upstream["state"] == "PENDING"
    assert UUID(upstream["run_id"]) == JobRun.objects.get(definition__name="up").pk


def test_a_limit_to_waiting_is_told_as_the_end_of_the_reason(able: World):
    run = behind_an_upstream(able)
    requests.set_dependencies("report", [{"upstream": "up", "max_wait_seconds": 600}], by="ann")
    assert why_run(run, NOW).until == T0 + timedelta(seconds=600)


# --------------------------------------------------------------------- under way, and ended


def test_a_run_handed_out_ahead_is_not_due(able: World):
    run = waiting(able, index=120)
    able.assign([run], "w-2")
    assert codes(why_run(run, NOW)) == ["NOT_DUE", "ASSIGNED"]


def test_a_run_under_way_names_its_worker_also_one_that_does_not_answer(able: World):
    run = waiting(able)
    busy(able, run)
    able.leases.mark_suspect(able.fence, ["w-2"], suspect=True)
    answer = why_run(run, NOW)
    assert codes(answer) == ["RUNNING", "SUSPECT_WORKER"]
    assert "w-2" in answer.sentence


ENDS = [
    (RunState.FAILED, Reason.EXIT_CODE, "FAILED: Its process ended with exit code 3."),
    (RunState.FAILED, Reason.KILLED_BY_SIGNAL, "signal"),
    (RunState.TIMED_OUT, Reason.TIMEOUT, "longer than its job allows"),
    (RunState.CANCELED, Reason.CANCELED_BY_REQUEST, "asked for its end"),
    (RunState.FAILED, Reason.START_FAILED, "could not be started"),
    (RunState.FAILED, Reason.LEASE_LOST, "lease ran out"),
    (RunState.SUCCEEDED, None, "SUCCEEDED: It ended with success."),
]


@pytest.mark.parametrize(("state", "reason", "said"), ENDS)
def test_a_run_that_ended_says_how(able: World, state, reason, said):
    run = waiting(able)
    token = busy(able, run)
    able.workers.finish("w-2", [result(run, token, state, reason=reason, exit_code=3)])
    answer = why_run(run, NOW)
    assert answer.code == (reason or state)
    assert said in answer.sentence


@pytest.mark.parametrize(
    "reason", ["SKIP_LATE", "MISFIRE_SKIPPED", "MISFIRE_COALESCED", "CALENDAR", "UPSTREAM_FAILED"]
)
def test_a_run_that_was_skipped_says_because(able: World, reason):
    run = waiting(able)
    able.leader.skip(able.fence, [(run, Reason(reason), "that is the detail")])
    answer = why_run(run, NOW)
    assert answer.code == reason
    assert answer.sentence.startswith("SKIPPED: ")
    assert answer.sentence.endswith("(that is the detail)")
    assert why_run(run, NOW, lang="ja").sentence.startswith("SKIPPED: ")


def test_a_failed_run_names_the_attempt_that_follows(able: World):
    again = with_a_retry_to_come(able)
    first = JobRun.objects.get(attempt=1).pk
    assert why_run(first, NOW).more[0].facts["next"] == str(again)


def test_an_unknown_run_is_refused(world: World):
    with pytest.raises(RunNotFound):
        why_run(uuid4())
