"""Failures in a row, counted with the results themselves, and the quarantine they lead to."""

from threading import Barrier, Thread
from uuid import UUID

import pytest

from scheduler.domain.values import Reason, RunState
from scheduler.store.sessions import Database
from scheduler.store.statements import Statement
from scheduler.store.worker import SqlWorkerStore
from tests.contract.store.world import World, result

S = RunState


class TestFailuresInARow:
    @pytest.fixture
    def definition(self, world: World) -> int:
        definition = world.define()
        world.limit(definition, quarantine_after_failures=3)
        return definition

    def streak(self, world: World) -> int:
        return int(world.value("SELECT failures_in_row FROM scheduler_job_definition"))

    def quarantined(self, world: World) -> bool:
        return (
            world.value("SELECT quarantined_at FROM scheduler_job_definition LIMIT 1") is not None
        )

    def end(self, world: World, tokens: dict[UUID, UUID], *states: RunState, **changes) -> None:
        pairs = zip(tokens.items(), states, strict=True)
        world.workers.finish("w-1", [result(r, t, s, **changes) for (r, t), s in pairs])

    def test_are_counted_until_the_job_is_quarantined(self, world: World, definition):
        for number, run in enumerate(world.plan(definition, 3), 1):
            assert not self.quarantined(world)
            self.end(world, world.start([run]), S.TIMED_OUT if number == 2 else S.FAILED)
            assert self.streak(world) == number
        assert self.quarantined(world)
        reason = world.value("SELECT quarantine_reason FROM scheduler_job_definition")
        assert reason == "it reached its limit of failures in a row, 3"

    def test_are_ended_by_a_success(self, world: World, definition):
        tokens = world.start(world.plan(definition, 5))
        for token, state in zip(tokens.items(), "FFSFF", strict=True):
            self.end(world, dict([token]), S.FAILED if state == "F" else S.SUCCEEDED)
        assert self.streak(world) == 2
        assert not self.quarantined(world)

    @pytest.mark.parametrize(
        ("before", "together", "streak", "quarantined"),
        [
            ("", "FFF", 3, True),
            ("FF", "SF", 1, False),
            ("FF", "FS", 0, True),
            ("F", "FSFF", 2, False),
            ("", "SFFFS", 0, True),
            ("FF", "S", 0, False),
            ("", "SSS", 0, False),
        ],
    )
    def test_that_one_statement_writes_are_counted_in_their_order(
        self, world: World, definition, before, together, streak, quarantined
    ):
        states = [S.FAILED if each == "F" else S.SUCCEEDED for each in before + together]
        tokens = list(world.start(world.plan(definition, len(states))).items())
        if before:
            self.end(world, dict(tokens[: len(before)]), *states[: len(before)])
        self.end(world, dict(tokens[len(before) :]), *states[len(before) :])
        assert self.streak(world) == streak
        assert self.quarantined(world) is quarantined

    def test_are_those_of_last_attempts_alone(self, world: World, definition):
        tokens = world.start(world.plan(definition, 4))
        self.end(world, tokens, *[S.FAILED] * 4, retry_delay_seconds=5.0)
        assert self.streak(world) == 0

    def test_neither_grow_nor_end_by_cancels_and_lost_workers(self, world: World, definition):
        failed, canceled, orphaned, asked = world.plan(definition, 4)
        self.end(world, world.start([failed]), S.FAILED)
        self.end(world, world.start([canceled]), S.CANCELED)
        self.end(world, world.start([orphaned]), S.ORPHANED, retry_delay_seconds=0.0)
        token = world.start([asked])
        world.leader.request_cancel(world.fence, [asked], Reason.CANCELED_BY_REQUEST)
        self.end(world, token, S.FAILED)
        assert self.streak(world) == 1

    def test_are_not_counted_twice_when_a_result_is_repeated(self, world: World, definition):
        tokens = world.start(world.plan(definition))
        self.end(world, tokens, S.FAILED)
        self.end(world, tokens, S.FAILED)
        assert self.streak(world) == 1

    def test_are_not_counted_without_the_limit(self, world: World):
        self.end(world, world.start(world.plan(world.define())), S.FAILED)
        assert self.streak(world) == 0
        assert not self.quarantined(world)

    def test_grow_by_a_retry_that_is_given_up(self, world: World, definition):
        runs = world.plan(definition, 3)
        given_up = [(run, Reason.RETRY_BUDGET, "at most 1") for run in runs]
        assert sorted(world.leader.give_up(world.fence, given_up)) == sorted(runs)
        assert world.state(runs[0]) is S.SKIPPED
        assert world.run_value(runs[0], "reason") == "RETRY_BUDGET"
        assert self.streak(world) == 3
        assert self.quarantined(world)

    def test_of_one_job_do_not_touch_another(self, world: World, definition):
        other = world.define("other")
        world.limit(other, quarantine_after_failures=1)
        self.end(world, world.start(world.plan(other)), S.FAILED)
        rows = world.session.run(
            Statement("SELECT name FROM scheduler_job_definition WHERE quarantined_at IS NOT NULL")
        )
        assert [row[0] for row in rows] == ["other"]

    def test_are_exact_when_workers_finish_at_once(
        self, world: World, database: Database, definition
    ):
        world.limit(definition, quarantine_after_failures=24)
        tokens = list(world.start(world.plan(definition, 24)).items())
        meet = Barrier(4)

        def finish(part: list[tuple[UUID, UUID]]) -> None:
            with SqlWorkerStore(database) as store:
                meet.wait()
                for run, token in part:
                    store.finish("w-1", [result(run, token, S.FAILED)])

        threads = [Thread(target=finish, args=(tokens[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self.streak(world) == 24
        assert self.quarantined(world)
        assert world.count("scheduler_alert") == 1

    def test_of_several_jobs_finished_crosswise_stop_nobody(self, world: World, database: Database):
        jobs = [world.define(f"job-{n}") for n in range(2)]
        for job in jobs:
            world.limit(job, quarantine_after_failures=1000)
        first, second = (list(world.start(world.plan(job, 20)).items()) for job in jobs)
        meet = Barrier(2)

        def finish(pairs: list[tuple[tuple[UUID, UUID], tuple[UUID, UUID]]]) -> None:
            with SqlWorkerStore(database) as store:
                meet.wait()
                for pair in pairs:
                    store.finish("w-1", [result(run, token, S.FAILED) for run, token in pair])

        forth = list(zip(first[:10], second[:10], strict=True))
        back = list(zip(second[10:], first[10:], strict=True))
        threads = [Thread(target=finish, args=(pairs,)) for pairs in (forth, back)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = world.session.run(Statement("SELECT failures_in_row FROM scheduler_job_definition"))
        assert [row[0] for row in rows] == [20, 20]
