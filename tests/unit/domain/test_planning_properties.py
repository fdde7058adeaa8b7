"""The ledger: each slot is covered once, whenever the planner ticks and however long it is away."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.planning import (
    MisfirePolicy,
    PlanLimits,
    PlannableDefinition,
    plan,
)
from scheduler.domain.schedules import parse_schedule
from scheduler.domain.values import RunState
from tests.unit.domain.builders import NOW

SMALL = PlanLimits(missed_rows=4, rows=6, scan=25)
"""Small bounds, so that short tests meet every one of them."""

SPECS = [
    {"kind": "every_minutes", "minutes": 1},
    {"kind": "every_minutes", "minutes": 20},
    {"kind": "interval", "seconds": 37, "anchor": "2026-11-23T05:59:11+00:00"},
    {"kind": "cron", "expression": "*/10 * 6 * * *"},
    {"kind": "daily", "at": "01:30"},
]
definitions = st.builds(
    PlannableDefinition,
    definition_id=st.just(1),
    revision=st.just(1),
    schedule=st.builds(
        parse_schedule, st.sampled_from(SPECS), st.sampled_from(["UTC", "America/New_York"])
    ),
    planned_until=st.just(NOW),
    misfire_policy=st.sampled_from(MisfirePolicy),
    skip_late_after_seconds=st.sampled_from([0.0, 1.0, 60.0, 300.0]),
)
waits = st.lists(st.one_of(st.integers(0, 90), st.integers(0, 9000)), min_size=1, max_size=12)
aheads = st.integers(0, 120)


def settle(definition, now, horizon, rows):
    """Tick until the planner is through, as its bell demands, keeping the rows."""
    while True:
        (move,) = plan([definition], now, horizon, SMALL)
        assert move.planned_until_old == definition.planned_until
        rows += move.slots
        definition = replace(definition, planned_until=move.planned_until_new)
        if move.next_fire_at is None or move.next_fire_at > horizon:
            return definition
        assert move.slots


def play(definition, waits, ahead):
    """The rows after ticks at these distances (seconds), planning so far ahead; and the end."""
    now, rows = NOW, []
    for wait in waits:
        now += timedelta(seconds=wait)
        definition = settle(definition, now, now + timedelta(seconds=ahead), rows)
    return rows, definition.planned_until


def covered(definition, rows):
    slots = []
    for row in rows:
        end = row.scheduled_until or row.scheduled_for
        before = row.scheduled_for - timedelta(microseconds=1)
        inside = definition.schedule.between(before, end, 99_999)
        assert len(inside) == row.slot_count
        slots += inside
    return slots


@given(definitions, waits, aheads)
def test_every_slot_is_covered_exactly_once_whatever_the_ticks(definition, waits, ahead):
    rows, end = play(definition, waits, ahead)
    assert covered(definition, rows) == definition.schedule.between(NOW, end, 99_999)


@given(definitions, waits, aheads)
def test_no_two_rows_have_the_same_slot_key(definition, waits, ahead):
    rows, _end = play(definition, waits, ahead)
    assert len({row.slot_key for row in rows}) == len(rows)


@given(definitions, waits, aheads)
def test_a_row_is_either_to_run_or_skipped_with_a_reason(definition, waits, ahead):
    for row in play(definition, waits, ahead)[0]:
        assert row.state in (RunState.PENDING, RunState.SKIPPED)
        assert (row.reason is None) == (row.state is RunState.PENDING)
        assert row.slot_count == 1 or row.state is RunState.SKIPPED


@given(definitions, st.lists(st.integers(0, 60), min_size=1, max_size=12), aheads)
def test_while_the_planner_ticks_in_time_every_slot_runs(definition, waits, ahead):
    punctual = replace(definition, skip_late_after_seconds=300.0)
    rows, _end = play(punctual, waits, ahead)
    assert all(row.state is RunState.PENDING and row.due_at == row.scheduled_for for row in rows)


@given(definitions, st.integers(0, 20_000))
def test_run_once_runs_one_missed_slot_after_any_stop(definition, stop):
    once = replace(definition, misfire_policy=MisfirePolicy.RUN_ONCE)
    rows, _end = play(once, [stop], ahead=0)
    limit = NOW + timedelta(seconds=stop - once.skip_late_after_seconds)
    missed = [slot for slot in covered(once, rows) if slot < limit]
    ran = [row.scheduled_for for row in rows if row.due_at > row.scheduled_for]
    assert ran == missed[-1:]


@given(definitions, st.integers(0, 20_000))
def test_run_all_runs_the_newest_missed_slots_up_to_the_limit(definition, stop):
    run_all = replace(definition, misfire_policy=MisfirePolicy.RUN_ALL)
    rows, _end = play(run_all, [stop], ahead=0)
    limit = NOW + timedelta(seconds=stop - run_all.skip_late_after_seconds)
    missed = [slot for slot in covered(run_all, rows) if slot < limit]
    ran = [row.scheduled_for for row in rows if row.due_at > row.scheduled_for]
    assert ran == missed[-SMALL.missed_rows :]


@given(definitions, waits, aheads, st.integers(0, 3600), st.sampled_from(SPECS))
def test_after_an_edit_the_rows_after_it_are_those_of_the_new_schedule(
    definition, waits, ahead, passed, spec
):
    """The store's part is played here: unstarted rows the plan lacks go, rows it has stay."""
    rows, _end = play(definition, waits, ahead)
    edited_at = NOW + timedelta(seconds=sum(waits) + passed)
    horizon = edited_at + timedelta(seconds=ahead)
    edited = replace(definition, schedule=parse_schedule(spec), edited_at=edited_at)
    (move,) = plan([edited], edited_at, horizon, PlanLimits())
    keys = {slot.slot_key for slot in move.slots}
    kept = [r for r in rows if r.scheduled_for <= edited_at or r.slot_key in keys]
    known = {row.slot_key for row in kept}
    after = kept + [slot for slot in move.slots if slot.slot_key not in known]
    late_rows = sorted(row.scheduled_for for row in after if row.scheduled_for > edited_at)
    assert late_rows == edited.schedule.between(edited_at, horizon, 99_999)
    assert [r for r in after if r.scheduled_for <= edited_at] == [
        r for r in rows if r.scheduled_for <= edited_at
    ]
