from datetime import timedelta
from uuid import UUID

import pytest

from scheduler import requests
from scheduler.domain.planning import slot_key
from scheduler.domain.values import Reason, Role, RunState
from scheduler.models import JobDefinition
from scheduler.ports import CursorMove
from scheduler.queries.cluster import cluster_status
from scheduler.queries.ledger import LedgerAudit, ledger_audit
from scheduler.queries.runs import (
    due_next,
    explanation,
    id_at,
    next_attempt,
    recent_runs,
    run_view,
    runs_by_state,
)
from tests.contract.store.world import T0, World, new_run, result

EACH_SECOND = {"kind": "cron", "expression": "* * * * * *"}


class TestTheCluster:
    def test_shows_roles_load_and_leases(self, world: World):
        world.worker("w-2")
        world.cluster.name_subleader(world.fence, "w-2")
        world.leases.renew("w-2", open_runs=3)
        status = cluster_status()
        assert status.has_leader
        assert [(w.worker_id, w.role, w.open_runs) for w in status.workers] == [
            ("w-1", Role.LEADER, 0),
            ("w-2", Role.SUBLEADER, 3),
        ]
        assert 0 < status.workers[1].lease_left_seconds <= 10

    def test_has_no_leader_once_the_term_is_released(self, world: World):
        world.cluster.release(world.fence)
        status = cluster_status()
        assert not status.has_leader
        assert status.workers[0].role is Role.WORKER

    def test_shows_those_that_ended_lately_apart(self, world: World):
        world.worker("w-2")
        world.lose("w-2")
        status = cluster_status()
        assert [w.worker_id for w in status.workers] == ["w-1"]
        assert [w.worker_id for w in status.ended] == ["w-2"]


class TestRuns:
    def test_are_listed_newest_first_and_by_pages(self, world: World):
        runs = world.plan(world.define(), 5)
        first = recent_runs(2)
        assert [run.run_id for run in first] == [runs[4], runs[3]]
        second = recent_runs(2, before=first[-1].run_id)
        assert [run.run_id for run in second] == [runs[2], runs[1]]

    def test_are_filtered_by_state_and_by_job(self, world: World):
        (mine,), (other,) = world.plan(world.define("mine")), world.plan(world.define("other"))
        world.start([other])
        assert [run.run_id for run in recent_runs(states=[RunState.RUNNING])] == [other]
        assert [run.run_id for run in recent_runs(job="mine")] == [mine]

    def test_are_counted_by_state(self, world: World):
        ran, waits, _ = world.plan(world.define(), 3)
        token = world.start([ran])[ran]
        world.workers.finish("w-1", [result(ran, token)])
        world.start([waits])
        counts = runs_by_state()
        assert (counts[RunState.PENDING], counts[RunState.RUNNING]) == (1, 1)
        assert (counts[RunState.SUCCEEDED], counts[RunState.FAILED]) == (1, 0)

    def test_that_were_planned_long_ago_are_counted_only_while_open(self, world: World):
        definition = world.define()
        long_ago = id_at(world.now() - timedelta(days=2))
        ids = [UUID(int=long_ago.int + number) for number in range(2)]
        moves = tuple(new_run(definition, n, run_id=run) for n, run in enumerate(ids))
        world.leader.record_plan(world.fence, [CursorMove(definition, 1, T0, T0, None, moves)])
        token = world.start([ids[0]])[ids[0]]
        world.workers.finish("w-1", [result(ids[0], token)])
        counts = runs_by_state()
        assert (counts[RunState.PENDING], counts[RunState.SUCCEEDED]) == (1, 0)

    def test_know_their_next_attempt_and_how_long_they_took(self, world: World):
        (run,) = world.plan(world.define())
        token = world.start([run])[run]
        failed = result(run, token, RunState.FAILED, retry_delay_seconds=1.0, error="boom")
        world.workers.finish("w-1", [failed])
        seen = run_view(run)
        assert seen is not None and seen.finished
        assert seen.duration_seconds is not None and seen.duration_seconds >= 0
        assert next_attempt(seen) is None
        (again,) = world.leader.spawn_retries(world.fence, 10)
        following = next_attempt(seen)
        assert following is not None and following.run_id == again
        assert explanation(run) == "boom"

    def test_that_wait_say_why(self, world: World):
        (run,) = world.plan(world.define())
        assert explanation(run) == ""
        world.leader.wait(world.fence, [(run, Reason.WAIT_CAPACITY, "10 of 10 busy")])
        assert explanation(run) == "10 of 10 busy"


class TestWhatIsDueNext:
    def test_is_planned_runs_and_later_slots_soonest_first(self, world: World):
        now = world.now()
        world.define("later", next_fire_at=now + timedelta(hours=2))
        world.define("soon", next_fire_at=now + timedelta(minutes=1))
        (run,) = world.plan(world.define("planned"), due_at=now + timedelta(minutes=30))
        assert [(due.job_name, due.run_id) for due in due_next()] == [
            ("soon", None),
            ("planned", run),
            ("later", None),
        ]
        assert len(due_next(1)) == 1

    def test_leaves_out_what_is_disabled_or_deleted(self, world: World):
        for name in ("disabled", "deleted"):
            requests.save_definition(name, by="a", command_name="noop", schedule=EACH_SECOND)
        requests.set_enabled("disabled", False, by="a")
        requests.delete_definition("deleted", by="a")
        assert due_next() == []


class TestTheLedger:
    """A job that is due each second, whose cursor stands ten seconds after T0."""

    @pytest.fixture
    def job(self, world: World) -> JobDefinition:
        job = requests.save_definition("job", by="a", command_name="noop", schedule=EACH_SECOND)
        JobDefinition.objects.update(
            schedule_since=T0, planned_until=T0 + timedelta(seconds=10), edited_at=None
        )
        return job

    def cover(self, world: World, job: JobDefinition, *seconds: int, **changes) -> list[UUID]:
        runs = tuple(
            new_run(job.pk, second, slot_key=slot_key(T0 + timedelta(seconds=second)), **changes)
            for second in seconds
        )
        until = T0 + timedelta(seconds=10)
        move = CursorMove(job.pk, 1, until, until, None, runs)
        assert world.leader.record_plan(world.fence, [move]) == [job.pk]
        return [run.run_id for run in runs]

    def audit(self) -> LedgerAudit:
        return ledger_audit(T0 - timedelta(hours=1), T0 + timedelta(hours=1))

    def test_is_clean_when_each_slot_has_its_row(self, world: World, job: JobDefinition):
        self.cover(world, job, *range(1, 11))
        audit = self.audit()
        assert audit.clean
        assert (audit.due, audit.covered) == (10, 10)

    def test_names_a_slot_without_a_row_as_lost(self, world: World, job: JobDefinition):
        self.cover(world, job, *range(1, 8), 9, 10)
        audit = self.audit()
        assert audit.lost == (("job", T0 + timedelta(seconds=8)),)
        assert not audit.clean

    def test_takes_a_row_over_many_slots_for_all_of_them(self, world: World, job: JobDefinition):
        until = T0 + timedelta(seconds=5)
        self.cover(world, job, 1, state=RunState.SKIPPED, scheduled_until=until, slot_count=5)
        self.cover(world, job, *range(6, 11))
        assert self.audit().clean

    def test_names_a_slot_with_two_rows_as_doubled(self, world: World, job: JobDefinition):
        until = T0 + timedelta(seconds=5)
        self.cover(world, job, 1, state=RunState.SKIPPED, scheduled_until=until, slot_count=5)
        self.cover(world, job, *range(5, 11))
        assert self.audit().doubled == (("job", T0 + timedelta(seconds=5)),)

    def test_names_an_attempt_after_a_success_as_doubled(self, world: World, job: JobDefinition):
        runs = self.cover(world, job, *range(1, 11))
        token = world.start([runs[0]])[runs[0]]
        done = result(runs[0], token, retry_delay_seconds=0.0)
        world.workers.finish("w-1", [done])
        world.leader.spawn_retries(world.fence, 10)
        assert self.audit().doubled == (("job", T0 + timedelta(seconds=1)),)

    def test_does_not_ask_for_what_is_not_planned_yet(self, world: World, job: JobDefinition):
        self.cover(world, job, *range(1, 11))
        later = ledger_audit(T0 + timedelta(seconds=10), T0 + timedelta(hours=1))
        assert (later.due, later.clean) == (0, True)

    def test_measures_from_due_to_the_claim(self, world: World, job: JobDefinition):
        due = world.now() - timedelta(seconds=2)
        runs = self.cover(world, job, *range(1, 11), due_at=due)
        world.start(runs[:1])
        (late,) = self.audit().lateness_ms
        assert 2000 <= late < 60_000
