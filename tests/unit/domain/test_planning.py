"""From cursors to rows: what is on time, what was missed, what an edit does."""

from datetime import timedelta
from typing import Any

import pytest

from scheduler.domain.planning import (
    MisfirePolicy,
    PlanLimits,
    PlannableDefinition,
    plan,
    slot_key,
)
from scheduler.domain.runs import is_catch_up, is_on_time
from scheduler.domain.schedules import Window, parse_schedule
from scheduler.domain.values import Reason, RunState
from tests.unit.domain.builders import NOW, Waiting, seconds

MINUTELY = parse_schedule({"kind": "every_minutes", "minutes": 1}, "Asia/Tokyo")
SECONDLY = parse_schedule({"kind": "cron", "expression": "* * * * * *"})
HOURLY = parse_schedule({"kind": "hourly", "minute": 0}, "Asia/Tokyo")


def definition(**changes):
    facts: dict[str, Any] = {
        "definition_id": 1,
        "revision": 3,
        "schedule": MINUTELY,
        "planned_until": NOW - seconds(60),
        "misfire_policy": MisfirePolicy.SKIP,
    }
    return PlannableDefinition(**(facts | changes))


def move(now=NOW, ahead=0.0, limits=None, **changes):
    (only,) = plan([definition(**changes)], now, now + seconds(ahead), limits)
    return only


def after_a_stop(minutes, policy, **changes):
    return move(
        planned_until=NOW - seconds(60 * minutes), misfire_policy=MisfirePolicy(policy), **changes
    )


def of_state(plan_, state):
    return [slot for slot in plan_.slots if slot.state is state]


# ------------------------------------------------------------------------------------- on time


def test_a_slot_due_now_becomes_a_pending_run_due_at_its_instant():
    (slot,) = move().slots
    assert (slot.state, slot.scheduled_for, slot.due_at) == (RunState.PENDING, NOW, NOW)
    assert (slot.reason, slot.slot_count, slot.scheduled_until) == (None, 1, None)


def test_the_cursor_moves_to_the_horizon_and_the_bell_to_the_first_slot_after_it():
    moved = move(ahead=5)
    assert moved.planned_until_old == NOW - seconds(60)
    assert moved.planned_until_new == NOW + seconds(5)
    assert moved.next_fire_at == NOW + seconds(60)
    assert moved.revision == 3


def test_slots_within_the_horizon_are_planned_ahead():
    moved = move(ahead=120)
    assert [slot.due_at for slot in moved.slots] == [NOW, NOW + seconds(60), NOW + seconds(120)]
    assert {slot.state for slot in moved.slots} == {RunState.PENDING}


def test_a_slot_already_planned_ahead_is_not_planned_again():
    assert move(planned_until=NOW + seconds(5)).slots == ()


def test_the_cursor_never_moves_back_when_the_horizon_shrinks():
    assert move(planned_until=NOW + seconds(90)).planned_until_new == NOW + seconds(90)


def test_a_schedule_without_further_slots_has_no_bell():
    closed = parse_schedule({"kind": "hourly", "minute": 0}, window=Window(not_after=NOW))
    moved = move(schedule=closed)
    assert len(moved.slots) == 1
    assert moved.next_fire_at is None


def test_a_slot_is_named_by_its_instant_in_utc():
    assert slot_key(NOW) == "t:2026-11-23T06:00:00Z"
    (slot,) = move().slots
    assert slot.slot_key == slot_key(slot.scheduled_for)


def test_a_disabled_definition_has_no_slots_and_no_bell():
    moved = move(enabled=False)
    assert (moved.slots, moved.next_fire_at) == ((), None)
    assert moved.planned_until_new == moved.planned_until_old


# ------------------------------------------------------------------------- late is not yet missed


@pytest.mark.parametrize("policy", list(MisfirePolicy))
def test_a_slot_reached_within_the_limit_runs_under_every_policy(policy):
    moved = after_a_stop(6, policy)
    assert {slot.state for slot in moved.slots} == {RunState.PENDING}
    assert len(moved.slots) == 6
    assert all(slot.due_at == slot.scheduled_for for slot in moved.slots)


def test_a_slot_reached_exactly_at_the_limit_is_on_time_and_one_instant_later_missed():
    (slot,) = move(now=NOW + seconds(300), schedule=HOURLY).slots
    assert slot.state is RunState.PENDING
    (slot,) = move(now=NOW + seconds(300.001), schedule=HOURLY).slots
    assert (slot.state, slot.reason) == (RunState.SKIPPED, Reason.MISFIRE_SKIPPED)


def test_the_definitions_own_limit_divides_late_from_missed():
    moved = after_a_stop(10, "skip", skip_late_after_seconds=60)
    assert len(of_state(moved, RunState.PENDING)) == 2


# --------------------------------------------------------------------------------------- missed


def test_skip_gives_each_missed_slot_its_skipped_row():
    moved = after_a_stop(30, "skip")
    skipped = of_state(moved, RunState.SKIPPED)
    assert len(skipped) == 24
    assert {slot.reason for slot in skipped} == {Reason.MISFIRE_SKIPPED}
    assert len(of_state(moved, RunState.PENDING)) == 6


def test_a_skipped_row_tells_why():
    first = after_a_stop(30, "skip").slots[0]
    assert first.detail == "nobody planned it for 1740 s; policy skip"


def test_run_once_runs_the_newest_missed_slot_and_coalesces_the_rest():
    moved = after_a_stop(30, "run_once")
    skipped = of_state(moved, RunState.SKIPPED)
    assert {slot.reason for slot in skipped} == {Reason.MISFIRE_COALESCED}
    catch_up = of_state(moved, RunState.PENDING)[0]
    assert catch_up.scheduled_for == skipped[-1].scheduled_for + seconds(60)
    assert catch_up.due_at == NOW
    assert len(skipped) + 1 == 24


def test_run_all_runs_each_missed_slot():
    moved = after_a_stop(30, "run_all")
    assert len(of_state(moved, RunState.PENDING)) == 30
    catch_ups = [slot for slot in moved.slots if slot.due_at > slot.scheduled_for]
    assert len(catch_ups) == 24
    assert {slot.due_at for slot in catch_ups} == {NOW}


def test_run_once_with_nothing_missed_runs_what_is_due():
    assert len(after_a_stop(1, "run_once").slots) == 1


def test_what_catches_up_is_told_apart_from_what_is_on_time():
    slots = after_a_stop(30, "run_all").slots
    rows = [
        Waiting(slot_key=s.slot_key, scheduled_for=s.scheduled_for, due_at=s.due_at) for s in slots
    ]
    assert [is_catch_up(row) for row in rows] == [True] * 24 + [False] * 6
    assert [is_on_time(row) for row in rows] == [False] * 24 + [True] * 6


def test_definitions_that_catch_up_come_after_those_that_are_on_time():
    late = definition(
        planned_until=NOW - seconds(3600), misfire_policy=MisfirePolicy.RUN_ALL, definition_id=1
    )
    moves = plan([late, definition(definition_id=2)], NOW, NOW)
    assert [each.definition_id for each in moves] == [2, 1]


# ------------------------------------------------------------------------------------ long stops


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("skip", Reason.MISFIRE_SKIPPED),
        ("run_once", Reason.MISFIRE_COALESCED),
        ("run_all", Reason.MISFIRE_SKIPPED),
    ],
)
def test_misses_beyond_a_hundred_share_one_row(policy, reason):
    moved = after_a_stop(600, policy)
    shared, rest = moved.slots[0], moved.slots[1:]
    assert (shared.state, shared.reason) == (RunState.SKIPPED, reason)
    assert shared.scheduled_for == NOW - seconds(60 * 599)
    assert shared.scheduled_until == rest[0].scheduled_for - seconds(60)
    assert shared.slot_count == 600 - len(rest)
    assert len(rest) == 100 + 6


def test_exactly_a_hundred_misses_have_a_row_each():
    moved = after_a_stop(106, "skip")
    assert [slot.slot_count for slot in moved.slots] == [1] * 106


def test_one_miss_beyond_a_hundred_is_a_plain_skipped_row():
    first = after_a_stop(107, "run_all").slots[0]
    assert (first.slot_count, first.scheduled_until) == (1, None)
    assert first.state is RunState.SKIPPED


def test_after_a_stop_too_long_to_count_a_stretch_is_covered_and_the_bell_rings_at_once():
    moved = move(
        schedule=SECONDLY,
        planned_until=NOW - timedelta(days=3),
        misfire_policy=MisfirePolicy.RUN_ALL,
        limits=PlanLimits(missed_rows=100, rows=500, scan=5000),
    )
    (shared,) = moved.slots
    assert shared.slot_count == 4900
    assert moved.planned_until_new == shared.scheduled_until
    assert moved.next_fire_at == shared.scheduled_until + seconds(1)


def test_more_slots_on_time_than_a_tick_may_plan_are_left_to_the_next():
    moved = move(
        schedule=SECONDLY, planned_until=NOW - seconds(200), limits=PlanLimits(100, 50, 5000)
    )
    assert len(moved.slots) == 50
    assert moved.planned_until_new == moved.slots[-1].scheduled_for
    assert moved.next_fire_at == NOW - seconds(149)


# ------------------------------------------------------------------------------------------ edits


def test_an_edit_never_creates_slots_before_its_own_time():
    moved = move(planned_until=NOW - seconds(3600), edited_at=NOW - seconds(90))
    assert [slot.scheduled_for for slot in moved.slots] == [NOW - seconds(60), NOW]
    assert moved.planned_until_old == NOW - seconds(3600)


def test_an_edit_moves_the_cursor_back_over_what_was_planned_ahead():
    moved = move(planned_until=NOW + seconds(600), edited_at=NOW - seconds(1), ahead=60)
    assert moved.planned_until_new == NOW + seconds(60)
    assert [slot.scheduled_for for slot in moved.slots] == [NOW, NOW + seconds(60)]


def test_an_edit_says_from_where_unstarted_rows_are_to_be_replaced():
    assert move(edited_at=NOW - seconds(1)).replaces_after == NOW - seconds(1)
    assert move().replaces_after is None


def test_disabling_replaces_planned_rows_by_nothing():
    moved = move(planned_until=NOW + seconds(60), edited_at=NOW, enabled=False)
    assert (moved.slots, moved.replaces_after) == ((), NOW)
    assert (moved.planned_until_new, moved.next_fire_at) == (NOW, None)


def test_enabling_again_creates_nothing_for_the_time_it_was_off():
    moved = move(planned_until=NOW - timedelta(days=30), edited_at=NOW - seconds(30))
    assert [slot.scheduled_for for slot in moved.slots] == [NOW]
