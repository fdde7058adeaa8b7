"""Carries out ``domain.planning``: turns due slots, requests and retries into rows.

The cursor of each definition moves in the same statement that inserts the rows of the move, so
that a slot is covered once, whoever plans and however often.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from scheduler.domain.edits import Superseded, end_of_segment, read_segment
from scheduler.domain.errors import SchedulerError
from scheduler.domain.planning import DefinitionPlan, MisfirePolicy, PlannableDefinition, plan
from scheduler.domain.schedules import Schedule, Window, parse_schedule
from scheduler.domain.values import RunState
from scheduler.ports import (
    Agenda,
    Clock,
    CursorMove,
    DefinitionRow,
    LeaderStore,
    NewRun,
    RequestRow,
)
from scheduler.runtime.backfiller import Backfiller
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)

IDLE_SECONDS = 60.0
SCHEDULES_KEPT = 200_000


class Planner:
    """Reads what is due by its index, decides purely, writes in one statement per batch."""

    def __init__(
        self,
        store: LeaderStore,
        clock: Clock,
        config: Callable[[], RuntimeConfig],
        new_run_id: Callable[[], UUID],
    ) -> None:
        self._store, self._clock, self._config = store, clock, config
        self._new_run_id = new_run_id
        self._backfiller = Backfiller(store)
        self._schedules: dict[tuple[int, int], Schedule] = {}

    def establish(self) -> None:
        """A term began: what an earlier one remembered may be old."""
        self._schedules.clear()

    def tick(self, term: Term, agenda: Agenda) -> float:
        """Plans all that is due up to the horizon; returns the seconds until there is more.
        ``agenda`` says what there is to do.

        Raises StaleEpoch, DatabaseUnavailable.
        """
        batch = self._config().batch_size
        if agenda.retries:
            self._store.spawn_retries(term.fence, batch)
        fed = self._backfiller.tick(term) if agenda.backfills else 0
        if (agenda.requests or fed) and self._take_requests(term, batch) == batch:
            return 0.0
        ahead = timedelta(seconds=self._config().assign_ahead_seconds)
        now, fire_at = self._clock.now(), agenda.next_fire_at
        if fire_at is not None and fire_at <= now + ahead:
            rows = self._store.due_definitions(now + ahead, batch)
            self._record(term, rows, now, now + ahead)
            if len(rows) == batch:
                return 0.0
            fire_at = self._store.agenda().next_fire_at
        if fire_at is None:
            return IDLE_SECONDS
        return max(0.0, (fire_at - ahead - self._clock.now()).total_seconds())

    def _take_requests(self, term: Term, batch: int) -> int:
        requests = self._store.unhandled_requests(batch)
        if requests:
            runs = [(request.request_id, self._requested(request)) for request in requests]
            self._store.record_requests(term.fence, runs)
            log.info("requests_taken", count=len(runs), epoch=term.epoch)
        return len(requests)

    def _requested(self, request: RequestRow) -> NewRun:
        """The run has the request's id: who asked knows it before the run is there."""
        return NewRun(
            run_id=request.request_id,
            definition_id=request.definition_id,
            slot_key=request.slot_key,
            attempt=1,
            state=RunState.PENDING,
            scheduled_for=request.scheduled_for,
            due_at=request.scheduled_for,
        )

    # ------------------------------------------------------------------------------- due slots

    def _plannable(self, row: DefinitionRow) -> PlannableDefinition | None:
        schedule = self._schedule(row)
        if schedule is None:
            return None
        own = row.skip_late_after_seconds
        return PlannableDefinition(
            definition_id=row.definition_id,
            revision=row.revision,
            schedule=schedule,
            planned_until=row.planned_until,
            enabled=row.enabled,
            misfire_policy=MisfirePolicy(row.misfire_policy),
            skip_late_after_seconds=(
                self._config().skip_late_runs_after_seconds if own is None else own
            ),
            edited_at=row.edited_at,
            superseded=_superseded(row),
        )

    def _schedule(self, row: DefinitionRow) -> Schedule | None:
        """The parsed schedule, kept by revision; None, and an error, when it is unreadable."""
        key = (row.definition_id, row.revision)
        if key not in self._schedules:
            try:
                parsed = parse_schedule(
                    row.schedule, row.timezone, Window(row.starts_at, row.ends_at)
                )
            except SchedulerError as error:
                log.error("schedule_unreadable", job=row.name, reason=str(error))
                return None
            if len(self._schedules) >= SCHEDULES_KEPT:
                self._schedules.clear()
            self._schedules[key] = parsed
        return self._schedules[key]

    def _record(
        self, term: Term, rows: Sequence[DefinitionRow], now: datetime, horizon: datetime
    ) -> None:
        readable = [each for row in rows if (each := self._plannable(row)) is not None]
        moves = [self._move(each) for each in plan(readable, now, horizon)]
        known = {each.definition_id for each in readable}
        moves += [_put_aside(row) for row in rows if row.definition_id not in known]
        if not moves:
            return
        moved = set(self._store.record_plan(term.fence, moves))
        planned = sum(len(move.runs) for move in moves if move.definition_id in moved)
        if planned:
            log.info("runs_planned", count=planned, epoch=term.epoch)

    def _move(self, each: DefinitionPlan) -> CursorMove:
        return CursorMove(
            definition_id=each.definition_id,
            revision=each.revision,
            planned_until_old=each.planned_until_old,
            planned_until_new=each.planned_until_new,
            next_fire_at=each.next_fire_at,
            replaces_after=each.replaces_after,
            keeps_edit=each.keeps_edit,
            runs=tuple(
                NewRun(
                    run_id=self._new_run_id(),
                    definition_id=each.definition_id,
                    slot_key=slot.slot_key,
                    attempt=1,
                    state=slot.state,
                    scheduled_for=slot.scheduled_for,
                    due_at=slot.due_at,
                    scheduled_until=slot.scheduled_until,
                    slot_count=slot.slot_count,
                    reason=slot.reason,
                    reason_detail=slot.detail,
                )
                for slot in each.slots
            ),
        )


def _put_aside(row: DefinitionRow) -> CursorMove:
    """A definition whose schedule cannot be read: not looked at again until it is edited."""
    return CursorMove(
        definition_id=row.definition_id,
        revision=row.revision,
        planned_until_old=row.planned_until,
        planned_until_new=row.planned_until,
        next_fire_at=None,
        runs=(),
        keeps_edit=True,
    )


def _superseded(row: DefinitionRow) -> tuple[Superseded, ...]:
    """What earlier schedules owe; an unreadable one is put aside with an error."""
    found = []
    for segment in row.superseded:
        try:
            found.append(read_segment(segment))
        except SchedulerError as error:
            log.error("superseded_schedule_unreadable", job=row.name, reason=str(error))
            end = end_of_segment(segment) or row.edited_at or row.planned_until
            found.append(Superseded(None, end))
    return tuple(found)
