"""Events in the database: once each, with the requests for their runs, until a job has them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest
from django.db import connection
from uuid_utils.compat import uuid7

from scheduler import requests
from scheduler.domain.events import EventFact
from scheduler.domain.values import Reason, RunResult, RunState, StartOrder
from scheduler.models import Event, EventTrigger, JobDefinition, JobRun, RunRequest
from scheduler.ports import Clock
from scheduler.requests.events import Ingested, ingest
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Term
from scheduler.runtime.planner import Planner
from scheduler.store.retention import KINDS, SqlRetention
from tests.contract.store.world import World, claim_of, result

ORDER = EventFact("order.created", payload={"id": 7, "total": 1200})


def job(name="ship", *triggers, **fields) -> JobDefinition:
    made = requests.save_definition(name, by="ann", **{"command_name": "noop", **fields})
    requests.set_triggers(name, list(triggers) or [{"event_type": "order.created"}], by="ann")
    return made


def take(*events: EventFact) -> list[Ingested]:
    return ingest(events or [ORDER], by="token:shop")


def keyed(key: str, **fields) -> EventFact:
    return EventFact("order.created", dedupe_key=key, **fields)


def plan(world: World) -> None:
    """The leader takes the requests, as its planner does."""
    clock = cast(Clock, SimpleNamespace(now=world.now))
    planner = Planner(world.leader, clock, RuntimeConfig, uuid7)
    term = cast(Term, type("Led", (), {"fence": world.fence, "epoch": world.fence.epoch}))
    planner._take_requests(term, 1000)


def orders(world: World) -> list[StartOrder]:
    """Every PENDING run, assigned to w-1."""
    waiting = world.leader.waiting(world.now(), 1000, heads=1000)
    triples = [(row.run_id, "w-1", world.next_seq()) for row in waiting]
    return [order for _, order in world.leader.assign(world.fence, triples)]


def event_of(world: World, order: StartOrder) -> dict:
    assert order.event_id is not None
    return json.loads(world.workers.events([order.event_id])[order.event_id])


class TestTakingAnEvent:
    def test_tells_the_runs_that_follow_and_the_leader_makes_them(self, world: World):
        job("ship")
        job("bill")
        (told,) = take()
        assert not told.repeated
        assert [run.job for run in told.runs] == ["ship", "bill"]
        plan(world)
        runs = JobRun.objects.in_bulk()
        assert set(runs) == {run.run_id for run in told.runs}
        assert {run.slot_key for run in runs.values()} == {f"e:{told.event_id}"}
        assert {run.state for run in runs.values()} == {"PENDING"}

    def test_keeps_it_with_who_posted_it(self, database):
        (told,) = take()
        event = Event.objects.get()
        assert (event.pk, event.type, event.received_by) == (
            told.event_id,
            "order.created",
            "token:shop",
        )
        assert (told.runs, event.payload) == ((), ORDER.payload)
        assert event.handled_at is not None

    def test_that_nobody_waits_for_asks_for_nothing(self, database):
        job("ship", {"event_type": "order.canceled"})
        take()
        assert not RunRequest.objects.exists()

    def test_takes_the_leader_only_once_however_often_it_plans(self, world: World):
        job()
        take()
        plan(world)
        plan(world)
        assert JobRun.objects.count() == 1

    def test_starts_one_run_of_a_job_though_two_of_its_triggers_match(self, world: World):
        first = {"event_type": "order.*", "args": {"by": "type"}}
        job("ship", first, {"event_type": "order.created"})
        take()
        plan(world)
        (order,) = orders(world)
        assert order.args == {"by": "order.created"}

    def test_gives_what_is_mapped_as_arguments(self, world: World):
        mapping = {"order": "payload.id", "none": "payload.none"}
        job("ship", {"event_type": "order.*", "args": mapping}, default_args_json={"days": 3})
        take()
        plan(world)
        (order,) = orders(world)
        assert order.args == {"days": 3, "order": 7}

    def test_leaves_the_jobs_own_arguments_where_nothing_is_mapped(self, world: World):
        job("ship", default_args_json=["--fast"])
        take()
        plan(world)
        (order,) = orders(world)
        assert order.args == ["--fast"]

    def test_of_none_is_nothing(self, database, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert ingest([], by="x") == []

    def test_takes_a_hundred_in_a_handful_of_statements(self, database):
        job("ship")
        job("bill")
        with _counted() as statements:
            take(*(keyed(str(number), payload={"n": number}) for number in range(100)))
        assert len(statements) <= 10
        assert RunRequest.objects.count() == 200

    def test_all_or_none(self, database, monkeypatch):
        job()

        def fail(*_, **__):
            raise RuntimeError

        monkeypatch.setattr(RunRequest.objects, "bulk_create", fail)
        with pytest.raises(RuntimeError):
            take(ORDER, ORDER)
        assert not Event.objects.exists()

    def test_skips_a_trigger_that_no_request_wrote_and_serves_the_others(self, world: World):
        job("ship")
        job("bill")
        EventTrigger.objects.filter(definition__name="ship").update(conditions=[{"path": "moon"}])
        (told,) = take()
        assert [run.job for run in told.runs] == ["bill"]


class TestJobsThatDoNotRun:
    def test_a_disabled_job_is_not_started(self, database):
        job("ship", enabled=False)
        assert take()[0].runs == ()

    def test_a_deleted_job_is_not_started(self, database):
        job()
        requests.delete_definition("ship", by="ann")
        assert take()[0].runs == ()

    def test_a_quarantined_job_has_its_run_which_waits(self, world: World):
        job()
        JobDefinition.objects.update(quarantined_at=world.now())
        assert len(take()[0].runs) == 1
        plan(world)
        (waiting,) = world.leader.waiting(world.now(), 10, heads=10)
        assert waiting.quarantined


class TestTheSameEventAgain:
    def test_answers_the_first_and_creates_nothing(self, database):
        job()
        (first,) = take(keyed("k", payload=1))
        (again,) = take(keyed("k", payload=2))
        assert again == replace(first, repeated=True)
        assert (Event.objects.count(), RunRequest.objects.count()) == (1, 1)

    def test_answers_the_first_runs_though_the_triggers_have_changed(self, database):
        job()
        (first,) = take(keyed("k"))
        requests.set_triggers("ship", [], by="ann")
        assert take(keyed("k"))[0].runs == first.runs

    def test_in_one_list_repeats_the_first_of_it(self, database):
        job()
        told = take(keyed("k", payload=1), keyed("k", payload=2), keyed("other"))
        assert [one.repeated for one in told] == [False, True, False]
        assert told[1].event_id == told[0].event_id
        assert (Event.objects.count(), RunRequest.objects.count()) == (2, 2)
        assert Event.objects.get(dedupe_key="k").payload == 1

    def test_is_another_one_from_another_source(self, database):
        told = take(keyed("k", source="/a"), keyed("k", source="/b"), keyed("k"))
        assert len({one.event_id for one in told}) == 3

    def test_without_a_key_is_another_event(self, database):
        told = take(ORDER, ORDER)
        assert told[0].event_id != told[1].event_id

    def test_mixed_with_new_ones_keeps_their_order(self, database):
        (first,) = take(keyed("b"))
        told = take(keyed("c"), keyed("b"), ORDER, keyed("a"))
        assert [one.repeated for one in told] == [False, True, False, False]
        assert told[1].event_id == first.event_id


@pytest.mark.postgres
class TestTheSameEventsAtTheSameTime:
    CLIENTS = 8

    def test_are_taken_once_each_whoever_posts_them(self, django_postgres):
        job()
        keys = [str(number) for number in range(40)]
        start = Barrier(self.CLIENTS)

        def post(client: int) -> list[Ingested]:
            # Every client has another order: those of the database must not wait in a circle.
            mine = keys[client:] + keys[:client]
            mine = mine[::-1] if client % 2 else mine
            start.wait()
            try:
                return [one for _ in range(3) for one in take(*map(keyed, mine))]
            finally:
                connection.close()

        with ThreadPoolExecutor(self.CLIENTS) as pool:
            told = [one for answers in pool.map(post, range(self.CLIENTS)) for one in answers]
        assert Event.objects.count() == RunRequest.objects.count() == len(keys)
        assert sum(not one.repeated for one in told) == len(keys)
        runs = {one.event_id: one.runs for one in told}
        assert len(runs) == len(keys)
        assert {run.run_id for found in runs.values() for run in found} == set(
            RunRequest.objects.values_list("id", flat=True)
        )


class TestTheWayToTheJob:
    def test_the_whole_event_reaches_the_first_attempt_and_the_next(self, world: World):
        job("ship", max_attempts=2)
        fact = EventFact(
            "order.created",
            source="/shop",
            subject="7",
            dedupe_key="k",
            occurred_at=world.now(),
            payload={"名前": ["東京", 1.5, None, True]},
            attributes={"traceparent": "00-1"},
        )
        (told,) = take(fact)
        plan(world)
        (first,) = orders(world)
        event = event_of(world, first)
        assert event["id"] == str(told.event_id) == str(first.event_id)
        assert event["payload"] == fact.payload
        assert event["attributes"] == fact.attributes
        assert fact.occurred_at is not None
        assert event["occurred_at"] == fact.occurred_at.isoformat()
        end(world, first, retry_delay_seconds=0.0)
        world.leader.spawn_retries(world.fence, 10)
        (second,) = orders(world)
        assert (second.attempt, second.event_id) == (2, first.event_id)
        assert event_of(world, second) == event

    def test_and_a_run_that_repeats_it(self, world: World):
        job()
        take()
        plan(world)
        (first,) = orders(world)
        end(world, first)
        requests.request_rerun(first.run_id, by="ann")
        plan(world)
        (again,) = orders(world)
        assert again.slot_key.startswith("m:")
        assert again.event_id == first.event_id

    def test_runs_of_no_event_name_none(self, world: World):
        requests.save_definition("report", by="ann", command_name="noop")
        requests.request_run("report", {"days": 1}, by="ann")
        plan(world)
        (order,) = orders(world)
        assert (order.event_id, order.event_json) == (None, None)

    def test_an_event_that_is_gone_is_not_found(self, world: World):
        assert world.workers.events([uuid4()]) == {}

    def test_a_claim_brings_back_the_event_that_a_fail_over_lost(self, world: World):
        made = job("ship", max_attempts=2)
        (told,) = take(keyed("k", payload={"a": 1}, attributes={"x": "y"}))
        document = world.workers.events([told.event_id])[told.event_id]
        Event.objects.all().delete()
        RunRequest.objects.all().delete()
        lost = claim_of(
            told.runs[0].run_id,
            made.pk,
            slot_key=f"e:{told.event_id}",
            event_id=told.event_id,
            event_json=document,
        )
        assert world.workers.replay_claims([(lost, 1.0)]) == [lost.run_id]
        assert world.workers.replay_claims([(lost, 1.0)]) == []
        assert world.workers.events([told.event_id]) == {told.event_id: document}
        assert take(keyed("k"))[0].event_id == told.event_id
        failed = result(lost.run_id, lost.claim_token, RunState.FAILED, retry_delay_seconds=0.0)
        assert world.workers.finish("w-1", [failed]) == [lost.run_id]
        world.leader.spawn_retries(world.fence, 10)
        (second,) = orders(world)
        assert (second.attempt, second.event_id) == (2, told.event_id)

    def test_a_run_that_was_asked_for_has_the_id_of_its_request(self, world: World):
        requests.save_definition("report", by="ann", command_name="noop")
        request = requests.request_run("report", by="ann")
        plan(world)
        assert JobRun.objects.get().pk == request.pk


class TestRetention:
    def old_events_go(self, world: World) -> int:
        Event.objects.update(handled_at=world.now() - timedelta(days=400))
        with closing(SqlRetention(world.database)) as retention:
            (kind,) = [kind for kind in KINDS if kind.name == "events"]
            cutoff = world.now() - timedelta(days=1)
            count = retention.count(kind, cutoff)
            assert retention.delete_batch(kind, cutoff, 100) == count
        return count

    def test_an_event_goes_when_its_runs_are_over(self, world: World):
        job()
        take()
        plan(world)
        (order,) = orders(world)
        end(world, order)
        assert self.old_events_go(world) == 1

    def test_an_event_stays_while_nobody_has_taken_its_request(self, world: World):
        job()
        take(ORDER, EventFact("of.nobody"))
        assert self.old_events_go(world) == 1
        assert Event.objects.get().type == "order.created"

    def test_an_event_stays_while_its_run_waits_or_owes_an_attempt(self, world: World):
        job("ship", max_attempts=2)
        take()
        plan(world)
        assert self.old_events_go(world) == 0
        (order,) = orders(world)
        end(world, order, retry_delay_seconds=60.0)
        assert self.old_events_go(world) == 0


def end(world: World, order: StartOrder, retry_delay_seconds: float | None = None) -> None:
    """The worker claims it, and it fails."""
    token = uuid4()
    claim = (order.run_id, order.assign_seq, token)
    assert world.workers.claim("w-1", [claim], hold_seq=world.cluster.read().hold_seq)
    failed = RunResult(
        order.run_id,
        token,
        RunState.FAILED,
        Reason.EXIT_CODE,
        retry_delay_seconds=retry_delay_seconds,
    )
    assert world.workers.finish("w-1", [failed]) == [order.run_id]


@contextmanager
def _counted() -> Iterator[list[str]]:
    """The statements of Django's connection, meanwhile."""
    statements: list[str] = []

    def count(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield statements
