"""Backfills as people ask for them, and as the planner's duty carries them out."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from scheduler.domain.backfilling import InvalidBackfill
from scheduler.domain.errors import InvalidArgs, JobNotFound
from scheduler.domain.values import RunState
from scheduler.models import AdminActionLog, Backfill, BackfillSlot, JobDefinition, JobRun
from scheduler.requests import delete_definition, request_cancel, save_definition
from scheduler.requests.backfills import (
    BackfillNotFound,
    BackfillWish,
    cancel_backfill,
    plan_backfill,
    request_backfill,
)
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.planner import Planner
from scheduler.store.retention import KINDS, SqlRetention
from tests.contract.store.world import World

MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)
NIGHTLY = {"kind": "daily", "at": "00:00"}


@pytest.fixture
def job(world: World) -> str:
    save_definition("nightly", by="t", command_name="noop", schedule=NIGHTLY, timezone="UTC")
    JobDefinition.objects.update(next_fire_at=None, edited_at=None)
    return "nightly"


def days(count: int, **changes: Any) -> BackfillWish:
    return BackfillWish(MIDNIGHT, MIDNIGHT + timedelta(days=count), **changes)


def lead(world: World) -> None:
    """One tick of the leader's planner."""
    clock = SimpleNamespace(now=world.now)
    planner = Planner(world.leader, cast(Any, clock), RuntimeConfig, uuid7)
    planner.tick(
        cast(Any, SimpleNamespace(fence=world.fence, epoch=world.fence.epoch)),
        world.leader.agenda(),
    )


def end(state: RunState = RunState.SUCCEEDED) -> int:
    """All open runs end."""
    return JobRun.objects.filter(finished_at=None).update(
        state=state, finished_at=datetime.now(UTC)
    )


def runs() -> list[datetime]:
    return sorted(JobRun.objects.values_list("scheduled_for", flat=True))


def test_a_plan_shows_the_slots_and_writes_nothing(job: str):
    plan = plan_backfill(job, days(3))
    assert plan.slots == tuple(MIDNIGHT + timedelta(days=day) for day in range(3))
    assert not Backfill.objects.exists()


def test_a_backfill_runs_each_slot_once_at_its_pace(world: World, job: str):
    request_backfill(job, days(5, pace=2, args=["--day"]), by="hanako")
    seen = []
    for _ in range(5):
        lead(world)
        lead(world)
        open_now = JobRun.objects.filter(finished_at=None).count()
        assert open_now <= 2
        seen.append(open_now)
        end()
    assert seen[:3] == [2, 2, 1]
    assert runs() == [MIDNIGHT + timedelta(days=day) for day in range(5)]
    backfill = Backfill.objects.get()
    assert backfill.fed_at is not None and backfill.canceled_at is None
    assert not world.leader.agenda().backfills
    assert all(run.detail.args == ["--day"] for run in JobRun.objects.select_related("detail"))


def test_an_edit_of_the_job_changes_no_backfill_under_way(world: World, job: str):
    request_backfill(job, days(2, pace=5), by="t")
    save_definition(job, by="t", schedule={"kind": "hourly", "minute": 30})
    JobDefinition.objects.update(next_fire_at=None, edited_at=None)
    lead(world)
    assert runs() == [MIDNIGHT, MIDNIGHT + timedelta(days=1)]


def test_the_next_leader_goes_on_where_the_last_one_was_killed(world: World, job: str):
    backfill = request_backfill(job, days(4, pace=2), by="t")
    world.leader.feed_backfill(world.fence, backfill.pk, 2)
    world.elect("w-2")
    for _ in range(4):
        lead(world)
        end()
    assert runs() == [MIDNIGHT + timedelta(days=day) for day in range(4)]


def test_only_what_is_missing_is_run_unless_all_is_asked_for(world: World, job: str):
    request_backfill(job, days(3, pace=3), by="t")
    lead(world)
    JobRun.objects.filter(scheduled_for=MIDNIGHT).update(
        state="FAILED", finished_at=datetime.now(UTC)
    )
    end()
    assert plan_backfill(job, days(4)).slots == (MIDNIGHT, MIDNIGHT + timedelta(days=3))
    assert plan_backfill(job, days(4)).covered == 2
    assert len(plan_backfill(job, days(4, only_missing=False)).slots) == 4


def test_slots_that_another_backfill_will_run_are_covered(job: str):
    request_backfill(job, days(3), by="t")
    with pytest.raises(InvalidBackfill, match="3 are covered already"):
        request_backfill(job, days(3), by="t")


def test_a_canceled_backfill_hands_on_no_more_and_ends_what_runs(world: World, job: str):
    backfill = request_backfill(job, days(5, pace=2), by="t")
    lead(world)
    assert cancel_backfill(backfill.pk, by="hanako")
    assert JobRun.objects.filter(cancel_requested_at=None).count() == 0
    end(RunState.CANCELED)
    lead(world)
    assert JobRun.objects.count() == 2
    assert AdminActionLog.objects.latest("id").action == "backfill_canceled"
    assert not cancel_backfill(backfill.pk, by="hanako")


def test_a_cancel_may_leave_the_runs_alone(world: World, job: str):
    backfill = request_backfill(job, days(5, pace=2), by="t")
    lead(world)
    assert cancel_backfill(backfill.pk, by="t", cancel_runs=False)
    assert JobRun.objects.filter(cancel_requested_at=None).count() == 2


def test_requests_not_yet_taken_are_taken_back_by_a_cancel(world: World, job: str):
    backfill = request_backfill(job, days(2, pace=2), by="t")
    world.leader.feed_backfill(world.fence, backfill.pk, 2)
    cancel_backfill(backfill.pk, by="t")
    lead(world)
    assert not JobRun.objects.exists()


def test_a_canceled_run_gives_its_place_to_the_next_slot(world: World, job: str):
    request_backfill(job, days(2), by="t")
    lead(world)
    run = JobRun.objects.get()
    assert request_cancel(run.pk, by="t")
    end(RunState.CANCELED)
    lead(world)
    assert JobRun.objects.count() == 2


def test_the_backfills_of_a_deleted_job_are_closed(world: World, job: str):
    request_backfill(job, days(5), by="t")
    lead(world)
    delete_definition(job, by="t")
    lead(world)
    assert Backfill.objects.get().fed_at is not None
    assert BackfillSlot.objects.filter(request_id=None).count() == 4


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (days(-1), "until"),
        (days(5, limit=4), "limit"),
        (days(5, pace=0), "pace"),
        (BackfillWish(MIDNIGHT, datetime.now(UTC) + timedelta(days=9), limit=10_000), "until"),
        (BackfillWish(MIDNIGHT + timedelta(hours=1), MIDNIGHT + timedelta(hours=2)), "since"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(job: str, wish, field):
    with pytest.raises(InvalidBackfill) as caught:
        request_backfill(job, wish, by="t")
    assert caught.value.field == field
    assert not Backfill.objects.exists()


def test_a_job_without_a_schedule_has_no_slots(world: World):
    save_definition("by-hand", by="t", command_name="noop")
    with pytest.raises(InvalidBackfill, match="has no schedule"):
        plan_backfill("by-hand", days(1))


def test_strangers_are_named(job: str):
    with pytest.raises(JobNotFound):
        plan_backfill("nigthly", days(1))
    with pytest.raises(BackfillNotFound):
        cancel_backfill(uuid4(), by="t")
    with pytest.raises(InvalidArgs):
        plan_backfill(job, days(1, args=cast(Any, 7)))


def test_an_ended_backfill_goes_with_its_slots_and_an_open_one_stays(world: World, job: str):
    over = request_backfill(job, days(3), by="t")
    cancel_backfill(over.pk, by="t")
    kept = request_backfill(job, days(3), by="t")
    (kind,) = [each for each in KINDS if each.name == "backfills"]
    retention = SqlRetention(world.database)
    later = datetime.now(UTC) + timedelta(days=1)
    assert retention.count(kind, later) == 1
    assert retention.delete_batch(kind, later, 10) == 1
    retention.close()
    assert [each.pk for each in Backfill.objects.all()] == [kept.pk]
    assert BackfillSlot.objects.count() == 3
