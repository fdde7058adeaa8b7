"""The planner between rows and the pure plan: what cannot be read costs only itself."""

from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from scheduler.ports import Agenda, CursorMove, DefinitionRow, LeaderStore
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.planner import LOOK_AGAIN, Planner
from tests.unit.runtime.worlds import FakeClock

MINUTELY = {"kind": "every_minutes", "minutes": 1}


class Store:
    def __init__(self, row: DefinitionRow) -> None:
        self.row = row
        self.moves: list[CursorMove] = []

    def due_definitions(self, until, limit):
        return [self.row]

    def record_plan(self, fence, moves):
        self.moves += moves
        return [move.definition_id for move in moves]

    def slots_planned(self, definitions):
        return {}

    def agenda(self) -> Agenda:
        return Agenda(retries=False, requests=False, cancels=False, next_fire_at=None)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def segment(clock: FakeClock, **changes: Any) -> dict[str, Any]:
    until = (clock.now() - timedelta(minutes=5)).isoformat()
    return {"schedule": MINUTELY, "timezone": "UTC", "enabled": True, "until": until} | changes


def planned(clock: FakeClock, *superseded: dict[str, Any], **changes: Any) -> CursorMove:
    """The move for a minutely job whose last edit, to hourly, came five minutes ago."""
    now = clock.now()
    facts: dict[str, Any] = {
        "definition_id": 7,
        "name": "report",
        "revision": 2,
        "schedule": {"kind": "daily", "at": (now - timedelta(hours=6)).strftime("%H:%M")},
        "timezone": "UTC",
        "planned_until": now - timedelta(minutes=15),
        "next_fire_at": now,
        "enabled": True,
        "misfire_policy": "run_all",
        "skip_late_after_seconds": None,
        "starts_at": None,
        "ends_at": None,
        "edited_at": now - timedelta(minutes=5),
        "superseded": superseded,
    }
    store = Store(DefinitionRow(**(facts | changes)))
    planner = Planner(cast(LeaderStore, store), clock, RuntimeConfig, uuid4)
    planner.tick(cast(Any, Term), Agenda(False, False, False, now))
    (move,) = store.moves
    return move


class Term:
    fence = (1, UUID(int=1))
    epoch = 1


def test_what_an_edited_schedule_owes_is_planned(clock):
    move = planned(clock, segment(clock))
    assert len(move.runs) == 10
    assert (move.keeps_edit, move.replaces_after) == (False, move.planned_until_old)


@pytest.mark.parametrize(
    "broken", [{"schedule": {"kind": "tea"}}, {"timezone": "Mars/Olympus"}, {"until": "soon"}]
)
def test_an_old_schedule_that_cannot_be_read_is_put_aside_with_an_error(clock, broken):
    with capture_logs() as logs:
        move = planned(clock, segment(clock, **broken))
    assert (move.runs, move.keeps_edit) == ((), False)
    (error,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (error["event"], error["job"]) == ("superseded_schedule_unreadable", "report")


def test_a_present_schedule_that_cannot_be_read_keeps_what_is_owed_for_the_next_edit(clock):
    move = planned(clock, segment(clock), schedule={"kind": "tea"})
    assert (move.runs, move.keeps_edit) == ((), True)
    assert move.next_fire_at == clock.now() + LOOK_AGAIN
    assert move.planned_until_new == move.planned_until_old


class Poisoned(Store):
    """Refuses every plan in which definition 7 has rows, and says no to requests."""

    def __init__(self, rows: list[DefinitionRow]) -> None:
        super().__init__(rows[0])
        self.rows = rows

    def due_definitions(self, until, limit):
        return self.rows

    def record_plan(self, fence, moves):
        if any(move.definition_id == 7 and move.runs for move in moves):
            raise ValueError("the RDB does not like it")
        return super().record_plan(fence, moves)

    def unhandled_requests(self, limit):
        raise KeyError("poison")


def plain(clock: FakeClock, definition_id: int) -> DefinitionRow:
    now = clock.now()
    return DefinitionRow(
        definition_id, f"job-{definition_id}", 1, MINUTELY, "UTC", now - timedelta(seconds=90),
        now, True, "run_all", None, None, None, None,
    )  # fmt: skip


def test_a_definition_that_cannot_be_planned_is_put_aside_and_the_others_are_planned(clock):
    store = Poisoned([plain(clock, number) for number in (6, 7, 8)])
    planner = Planner(cast(LeaderStore, store), clock, RuntimeConfig, uuid4)
    with capture_logs() as logs:
        planner.tick(cast(Any, Term), Agenda(False, False, False, clock.now()))
    assert [move.definition_id for move in store.moves if move.runs] == [6, 8]
    (aside,) = [move for move in store.moves if not move.runs]
    assert (aside.definition_id, aside.next_fire_at) == (7, clock.now() + LOOK_AGAIN)
    assert aside.planned_until_new == aside.planned_until_old
    assert ("definition_not_planned", "job-7") in {(e["event"], e.get("job")) for e in logs}


def test_requests_that_cannot_be_taken_keep_no_slot_from_being_planned(clock):
    store = Poisoned([plain(clock, 6)])
    planner = Planner(cast(LeaderStore, store), clock, RuntimeConfig, uuid4)
    with pytest.raises(KeyError, match="poison"):
        planner.tick(cast(Any, Term), Agenda(False, True, False, clock.now()))
    assert [move.definition_id for move in store.moves] == [6]
