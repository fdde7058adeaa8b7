from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from scheduler import requests
from scheduler.domain.edits import read_segment
from scheduler.domain.errors import InvalidArgs, JobNotFound, RunNotFound, WorkerNotFound
from scheduler.domain.values import DesiredMode, RunState
from scheduler.models import AdminActionLog, JobDefinition, JobRun, RunRequest
from scheduler.ports import CursorMove
from tests.contract.store.world import World, new_run

EVERY_MINUTE = {"kind": "cron", "expression": "* * * * *"}


def save(name: str = "report", **fields) -> JobDefinition:
    return requests.save_definition(name, by="ann", **{"command_name": "noop", **fields})


def actions() -> list[str]:
    return list(AdminActionLog.objects.order_by("id").values_list("action", flat=True))


def planned(world: World, definition: JobDefinition) -> JobDefinition:
    """The leader has planned what there is."""
    now = world.now()
    (row,) = world.leader.due_definitions(now, 10)
    move = CursorMove(row.definition_id, row.revision, row.planned_until, now, None, ())
    assert world.leader.record_plan(world.fence, [move]) == [definition.pk]
    definition.refresh_from_db()
    return definition


class TestSavingAJob:
    def test_makes_it_due_for_planning_at_once(self, world: World):
        definition = save(schedule=EVERY_MINUTE, timezone="Asia/Tokyo")
        (row,) = world.leader.due_definitions(world.now(), 10)
        assert (row.name, row.schedule, row.timezone) == ("report", EVERY_MINUTE, "Asia/Tokyo")
        assert row.enabled
        assert row.edited_at == row.planned_until == definition.schedule_since
        assert actions() == ["job_created"]

    def test_can_be_planned_by_the_leader(self, world: World):
        definition = planned(world, save(schedule=EVERY_MINUTE))
        assert definition.edited_at is None

    def test_again_as_it_is_changes_nothing(self, world: World):
        before = save(schedule={"kind": "interval", "seconds": 5})
        after = save(schedule={"kind": "interval", "seconds": 5})
        assert after.revision == before.revision
        assert actions() == ["job_created"]

    def test_with_another_schedule_plans_anew_from_now(self, world: World):
        definition = planned(world, save(schedule=EVERY_MINUTE))
        since = definition.schedule_since
        changed = save(schedule={"kind": "hourly", "minute": 5})
        assert changed.revision == definition.revision + 1
        assert changed.edited_at is not None
        assert changed.schedule_since > since
        assert changed.edited_at == changed.next_fire_at

    def test_while_nobody_plans_keeps_what_the_old_schedules_owe(self, world: World):
        definition = planned(world, save(schedule=EVERY_MINUTE, timezone="Asia/Tokyo"))
        long_ago = world.now() - timedelta(hours=2)
        JobDefinition.objects.update(planned_until=long_ago, next_fire_at=long_ago)
        first = save(schedule={"kind": "hourly", "minute": 5})
        second = save(enabled=False)
        requests.delete_definition("report", by="ann")
        definition.refresh_from_db()
        minutely, hourly, off = definition.superseded
        assert (minutely["schedule"], minutely["timezone"]) == (EVERY_MINUTE, "Asia/Tokyo")
        assert (hourly["schedule"], hourly["enabled"]) == (first.schedule, True)
        assert not off["enabled"]
        ends = [read_segment(each).until for each in definition.superseded]
        assert ends == [first.edited_at, second.edited_at, definition.deleted_at]
        assert definition.planned_until == long_ago

    def test_with_nothing_owed_sets_the_cursor_to_the_edit(self, world: World):
        definition = planned(world, save(schedule=EVERY_MINUTE))
        ahead = world.now() + timedelta(minutes=1)
        JobDefinition.objects.update(planned_until=ahead, next_fire_at=ahead)
        save(schedule={"kind": "hourly", "minute": 5})
        definition.refresh_from_db()
        assert definition.superseded == []
        assert definition.planned_until == definition.edited_at

    def test_with_another_priority_leaves_the_plan_alone(self, world: World):
        definition = planned(world, save(schedule=EVERY_MINUTE))
        changed = save(priority=7)
        assert changed.revision == definition.revision + 1
        assert changed.edited_at is None
        assert changed.planned_until == definition.planned_until

    def test_keeps_the_anchor_of_an_interval(self, world: World):
        first = save(schedule={"kind": "interval", "seconds": 5})
        assert first.schedule is not None and "anchor" in first.schedule
        again = save(schedule={"kind": "interval", "seconds": 5}, priority=1)
        assert again.schedule == first.schedule

    def test_refuses_a_schedule_that_cannot_be_read(self, world: World):
        with pytest.raises(ValidationError) as caught:
            save(schedule={"kind": "cron", "expression": "61 * * * *"})
        assert "schedule" in caught.value.message_dict
        assert not JobDefinition.objects.exists()

    def test_refuses_an_unknown_time_zone_by_its_own_field(self, world: World):
        with pytest.raises(ValidationError) as caught:
            save(timezone="Asia/Tokio")
        assert "Asia/Tokyo" in caught.value.message_dict["timezone"][0]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("default_args_json", "text"),
            ("required_labels", {"zone": 1}),
            ("command_name", ""),
            ("max_attempts", 0),
            ("jitter", -1),
            ("concurrency_policy", "maybe"),
        ],
    )
    def test_refuses_a_bad_value_naming_its_field(self, world: World, field: str, value):
        with pytest.raises(ValidationError) as caught:
            save(**{field: value})
        assert field in caught.value.message_dict

    def test_refuses_a_field_that_a_job_does_not_have(self, world: World):
        with pytest.raises(ValidationError, match="shedule"):
            save(shedule=EVERY_MINUTE)

    def test_rings_the_leader(self, world: World):
        rung: list[str] = []
        requests.save_definition("report", by="ann", ring=rung.append, command_name="noop")
        assert rung == ["leader"]


class TestStoppingAJob:
    def test_disabling_lets_the_leader_drop_what_is_planned(self, world: World):
        planned(world, save(schedule=EVERY_MINUTE))
        requests.set_enabled("report", False, by="ann")
        (row,) = world.leader.due_definitions(world.now(), 10)
        assert not row.enabled
        assert row.edited_at is not None

    def test_a_job_without_a_schedule_is_planned_as_not_enabled(self, world: World):
        save(schedule=EVERY_MINUTE)
        save(schedule=None)
        (row,) = world.leader.due_definitions(world.now(), 10)
        assert not row.enabled

    def test_deleting_keeps_the_history_and_frees_the_name(self, world: World):
        old = planned(world, save(schedule=EVERY_MINUTE))
        request = requests.request_run("report", by="ann")
        requests.delete_definition("report", by="ann")
        assert world.leader.unhandled_requests(10) == []
        assert RunRequest.objects.get(pk=request.pk).run_id is None
        assert save().pk != old.pk
        assert JobDefinition.objects.count() == 2

    def test_deleting_cancels_what_waits_and_leaves_what_runs(self, world: World):
        definition = save("report").pk
        waits, runs = world.plan_request(definition), world.plan_request(definition)
        world.start([runs])
        requests.delete_definition("report", by="ann")
        assert world.leader.cancel_waiting(world.fence) == [waits]
        assert world.state(runs) is RunState.RUNNING
        assert JobRun.objects.get(pk=runs).cancel_requested_at is None

    def test_an_unknown_name_is_answered_with_the_nearest(self, world: World):
        save("report")
        for ask in (requests.delete_definition, requests.release_quarantine):
            with pytest.raises(JobNotFound, match="'report'"):
                ask("reprot", by="ann")

    def test_a_quarantine_is_released_once(self, world: World):
        definition = save()
        JobDefinition.objects.update(quarantined_at=world.now())
        assert requests.release_quarantine("report", by="ann")
        assert not requests.release_quarantine("report", by="ann")
        definition.refresh_from_db()
        assert definition.quarantined_at is None


class TestAskingForARun:
    def test_is_seen_by_the_leader_with_its_arguments(self, world: World):
        definition = save()
        request = requests.request_run("report", {"day": 1}, by="ann")
        (row,) = world.leader.unhandled_requests(10)
        assert (row.request_id, row.definition_id) == (request.id, definition.pk)
        assert (row.slot_key, row.args) == (f"m:{request.id}", {"day": 1})
        assert abs(row.scheduled_for - world.now()) < timedelta(minutes=1)
        assert actions() == ["job_created", "run_requested"]

    def test_without_arguments_takes_those_of_the_job(self, world: World):
        save(default_args_json=["--fast"])
        requests.request_run("report", by="ann")
        (row,) = world.leader.unhandled_requests(10)
        run = new_run(row.definition_id, slot_key=row.slot_key)
        world.leader.record_requests(world.fence, [(row.request_id, run)])
        ((_, order),) = world.leader.assign(world.fence, [(run.run_id, "w-1", 1)])
        assert order.args == ["--fast"]

    def test_refuses_arguments_that_are_neither_list_nor_object(self, world: World):
        save()
        with pytest.raises(InvalidArgs):
            requests.request_run("report", "text", by="ann")

    def test_again_takes_the_arguments_of_the_run(self, world: World):
        definition = save()
        request = requests.request_run("report", [1, 2], by="ann")
        run = new_run(definition.pk, slot_key=request.slot_key)
        world.leader.record_requests(world.fence, [(request.id, run)])
        again = requests.request_rerun(run.run_id, by="ann")
        assert (again.args, again.rerun_of) == ([1, 2], run.run_id)

    def test_of_an_unknown_run_is_refused(self, world: World):
        with pytest.raises(RunNotFound):
            requests.request_rerun(uuid4(), by="ann")


class TestCancelingARun:
    def test_asks_once_and_changes_no_state(self, world: World):
        (run,) = world.plan(world.define())
        assert requests.request_cancel(run, by="ann")
        assert not requests.request_cancel(run, by="ann")
        assert JobRun.objects.get(pk=run).state == RunState.PENDING
        assert world.leader.cancel_waiting(world.fence) == [run]
        assert not requests.request_cancel(run, by="ann")
        assert actions() == ["cancel_requested"]

    def test_of_an_unknown_run_is_refused(self, world: World):
        with pytest.raises(RunNotFound):
            requests.request_cancel(uuid4(), by="ann")


class TestSteeringTheCluster:
    def test_a_worker_learns_of_its_drain_and_of_its_undoing(self, world: World):
        requests.request_drain("w-1", by="ann")
        answer = world.leases.renew("w-1", open_runs=0)
        assert answer is not None and answer.desired is DesiredMode.DRAINING
        requests.request_undo_drain("w-1", by="ann")
        answer = world.leases.renew("w-1", open_runs=0)
        assert answer is not None and answer.desired is DesiredMode.ACTIVE
        requests.request_detach("w-1", by="ann")
        answer = world.leases.renew("w-1", open_runs=0)
        assert answer is not None and answer.desired is DesiredMode.DETACHED
        assert actions() == ["worker_drained", "worker_activated", "worker_detached"]

    def test_a_worker_that_is_not_there_cannot_be_drained(self, world: World):
        with pytest.raises(WorkerNotFound):
            requests.request_drain("w-9", by="ann")

    def test_the_leader_learns_that_it_is_degraded_and_the_next_one_is_not(self, world: World):
        assert requests.request_degrade_leader(by="ann") == "w-1"
        assert world.cluster.read().degrade_requested
        world.elect("w-2")
        assert not world.cluster.read().degrade_requested

    def test_a_pause_raises_the_number_that_workers_compare(self, world: World):
        assert requests.pause(by="ann")
        assert not requests.pause(by="ann")
        view = world.cluster.read()
        assert (view.paused, view.hold_seq) == (True, 1)
        assert requests.resume(by="ann")
        assert not requests.resume(by="ann")
        assert not world.cluster.read().paused
