"""The storm guard in the RDB: which starts count, whose fault a retry is."""

from uuid import UUID, uuid4

import pytest

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.guard import Start
from scheduler.domain.values import Fence, Reason, RunState
from scheduler.store.leader import SqlLeaderStore
from scheduler.store.sessions import Database
from scheduler.store.statements import Statement
from tests.contract.store.world import World, result

S = RunState


def hand_out(world: World, runs: list[UUID], *, is_retry: bool = False) -> dict[UUID, int]:
    """Assigned, and counted as starts."""
    triples = [(run, "w-1", world.next_seq()) for run in runs]
    counted = [(run, is_retry) for run in runs]
    orders = world.leader.assign(world.fence, triples, counted=counted)
    return {order.run_id: order.assign_seq for _, order in orders}


def claim(world: World, seqs: dict[UUID, int]) -> dict[UUID, UUID]:
    claims = [(run, seq, uuid4()) for run, seq in seqs.items()]
    claimed = world.workers.claim("w-1", claims, hold_seq=world.cluster.read().hold_seq)
    assert len(claimed) == len(claims)
    return {run: token for run, _, token in claims}


def begun_ago(world: World, run: UUID, seconds: float) -> None:
    world.session.run(
        Statement("""
            UPDATE scheduler_job_run
            SET started_at = clock_timestamp() + make_interval(secs => %(by)s) WHERE id = %(id)s
        """),
        id=run,
        by=-seconds,
    )


def ages(world: World, definition: int) -> list[float | None]:
    return [start.age_seconds for start in world.leader.starts([definition])]


class TestStarts:
    def test_count_from_their_assignment_before_they_are_claimed(self, world: World):
        definition = world.define()
        hand_out(world, world.plan(definition, 2))
        assert world.leader.starts([definition]) == [Start(definition, False, None)] * 2

    def test_have_an_age_from_their_claim_and_count_for_a_minute(self, world: World):
        definition = world.define()
        (run,) = world.plan(definition)
        claim(world, hand_out(world, [run]))
        (age,) = ages(world, definition)
        assert age is not None
        assert 0 <= age < 30
        begun_ago(world, run, 61)
        assert ages(world, definition) == []

    def test_go_on_counting_when_the_run_has_ended(self, world: World):
        definition = world.define()
        (run,) = world.plan(definition)
        tokens = claim(world, hand_out(world, [run]))
        world.workers.finish("w-1", [result(run, tokens[run])])
        assert len(ages(world, definition)) == 1

    def test_of_retries_count_for_an_hour(self, world: World):
        definition = world.define()
        (run,) = world.plan(definition)
        claim(world, hand_out(world, [run], is_retry=True))
        begun_ago(world, run, 3500)
        ((start),) = world.leader.starts([definition])
        assert start.is_retry
        begun_ago(world, run, 3601)
        assert ages(world, definition) == []

    def test_that_were_taken_back_count_no_more_until_they_are_handed_out_again(self, world: World):
        definition = world.define()
        (run,) = world.plan(definition)
        seqs = hand_out(world, [run])
        world.leader.unassign(world.fence, [(run, seqs[run])], Reason.REASSIGNED)
        assert ages(world, definition) == []
        world.leader.forget_starts(world.fence)
        hand_out(world, [run])
        assert ages(world, definition) == [None]

    def test_are_asked_for_by_job_or_all_together(self, world: World):
        mine, other = world.define("mine"), world.define("other")
        hand_out(world, world.plan(mine))
        hand_out(world, world.plan(other))
        assert ages(world, mine) == [None]
        assert len(world.leader.starts([], of_all=True)) == 2
        assert world.leader.starts([]) == []

    def test_are_not_kept_where_no_limit_counts_them(self, world: World):
        world.start(world.plan(world.define()))
        assert world.count("scheduler_job_start") == 0

    def test_are_forgotten_when_they_count_no_more(self, world: World):
        old, young, canceled, gone = runs = world.plan(world.define(), 4)
        seqs = hand_out(world, runs)
        claim(world, {run: seqs[run] for run in (old, young)})
        begun_ago(world, old, 61)
        world.leader.request_cancel(world.fence, [canceled], Reason.REPLACED)
        world.leader.cancel_waiting(world.fence)
        world.session.run(Statement("DELETE FROM scheduler_job_run WHERE id = %(id)s"), id=gone)
        assert world.leader.forget_starts(world.fence) == 3
        assert world.leader.forget_starts(world.fence) == 0
        assert world.count("scheduler_job_start") == 1

    def test_are_counted_by_the_next_leader_too(self, world: World, database: Database):
        definition = world.define()
        hand_out(world, world.plan(definition))
        world.elect("w-2")
        with SqlLeaderStore(database) as successor:
            assert len(successor.starts([definition])) == 1

    def test_of_a_deposed_leader_are_neither_handed_out_nor_counted(self, world: World):
        definition = world.define()
        runs, old = world.plan(definition), world.fence
        world.elect("w-2")
        world.fence = old
        with pytest.raises(StaleEpoch):
            hand_out(world, runs)
        assert world.count("scheduler_job_start") == 0
        with pytest.raises(StaleEpoch):
            world.leader.forget_starts(Fence(old.epoch, uuid4()))


class TestARetryThatWaits:
    def own(self, world: World) -> bool:
        (row,) = (
            row for row in world.leader.waiting(world.now(), 10, heads=10) if row.attempt == 2
        )
        return row.own_retry

    def fail(self, world: World, reason: Reason = Reason.EXIT_CODE, **limits: int) -> None:
        definition = world.define()
        world.limit(definition, **limits)
        (run,) = world.plan(definition)
        token = world.start([run])[run]
        world.workers.finish(
            "w-1", [result(run, token, S.FAILED, reason=reason, retry_delay_seconds=0.0)]
        )
        world.leader.spawn_retries(world.fence, 10)

    def test_is_its_jobs_own_after_a_failure(self, world: World):
        self.fail(world, retry_budget_per_hour=1)
        assert self.own(world)

    def test_is_not_asked_about_without_a_budget(self, world: World):
        self.fail(world)
        assert not self.own(world)

    def test_is_not_its_jobs_own_when_it_never_had_a_process(self, world: World):
        self.fail(world, Reason.NEVER_STARTED, retry_budget_per_hour=1)
        assert not self.own(world)

    def test_is_not_its_jobs_own_after_a_lost_worker(self, world: World):
        definition = world.define()
        world.limit(definition, retry_budget_per_hour=1)
        (run,) = world.plan(definition)
        world.start([run])
        world.lose("w-1")
        world.leader.orphan(world.fence, [(run, 0.0, False)])
        world.leader.spawn_retries(world.fence, 10)
        assert not self.own(world)


@pytest.mark.parametrize("limit", ["start_cap_per_minute", "retry_budget_per_hour"])
def test_what_a_limit_holds_hides_nothing_behind_the_limit_of_a_look(world: World, limit: str):
    held = world.plan(world.define("flood", priority=5), 3)
    world.session.run(Statement(f"UPDATE scheduler_job_definition SET {limit} = 1"))
    (other,) = world.plan(world.define("other"))
    look = world.leader.waiting(world.now(), 2, heads=2)
    assert {row.run_id for row in look} == {held[0], other}
    assert len(world.leader.waiting(world.now(), 9, heads=9)) == 4
