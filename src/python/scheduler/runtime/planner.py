"""Carries out ``domain.planning``: turns due slots, requests and retries into rows.

The cursor of each definition moves in the same statement that inserts the rows of the move, so
that a slot is covered once, whoever plans and however often.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from scheduler.domain.edits import Superseded, end_of_segment, read_segment
from scheduler.domain.errors import InvalidCalendar, InvalidSchedule, SchedulerError
from scheduler.domain.planning import (
    DefinitionPlan,
    MisfirePolicy,
    PlannableDefinition,
    plan,
    replaces_after,
)
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
from scheduler.runtime.attempts import ENDS_ALL, Attempts
from scheduler.runtime.backfiller import Backfiller
from scheduler.runtime.calendars import Calendars, EditedMeanwhile
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)

IDLE_SECONDS = 60.0
LOOK_AGAIN = timedelta(minutes=1)
"""A definition that cannot be planned waits so long for its next try: it may have been mended, or
a newer version of this software may lead by then."""
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
        self._calendars = Calendars(store)

    def establish(self) -> None:
        """A term began: what an earlier one remembered may be old."""
        self._schedules.clear()
        self._calendars.establish()

    def tick(self, term: Term, agenda: Agenda) -> float:
        """Plans all that is due up to the horizon; returns the seconds until there is more.
        ``agenda`` says what there is to do.

        What cannot be done is tried again at the next tick, after all else was done: then the
        first failure is raised. Raises StaleEpoch, DatabaseUnavailable.
        """
        batch, attempts = self._config().batch_size, Attempts()
        if agenda.retries:
            attempts.make(lambda: len(self._store.spawn_retries(term.fence, batch)), 0)
        fed = taken = 0
        if agenda.backfills:
            fed = attempts.make(lambda: self._backfiller.tick(term), 0)
        if agenda.requests or fed:
            taken = attempts.make(lambda: self._take_requests(term, batch), 0)
        wake_in = attempts.make(lambda: self._plan_due(term, agenda, batch), IDLE_SECONDS)
        attempts.settle()
        return 0.0 if taken == batch else wake_in

    def _plan_due(self, term: Term, agenda: Agenda, batch: int) -> float:
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
            # A slot of a backfill is long past: what it may wait for counts from now.
            due_at=max(self._clock.now(), request.scheduled_for),
        )

    # ------------------------------------------------------------------------------- due slots

    def _readable_or_not(
        self, rows: Sequence[DefinitionRow]
    ) -> tuple[list[PlannableDefinition], list[DefinitionRow]]:
        """What can be planned, and what cannot be read; neither what was edited meanwhile."""
        readable: list[PlannableDefinition] = []
        unreadable: list[DefinitionRow] = []
        for row in rows:
            try:
                each = self._plannable(row)
            except EditedMeanwhile:
                continue
            if each is None:
                unreadable.append(row)
            else:
                readable.append(each)
        return readable, unreadable

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
                use = self._calendars.use_of(row)
                window = Window(row.starts_at, row.ends_at)
                parsed = parse_schedule(row.schedule, row.timezone, window, use)
            except (InvalidSchedule, InvalidCalendar) as error:
                log.error("schedule_unreadable", job=row.name, reason=str(error))
                return None
            if len(self._schedules) >= SCHEDULES_KEPT:
                self._schedules.clear()
            self._schedules[key] = parsed
        return self._schedules[key]

    def _record(
        self, term: Term, rows: Sequence[DefinitionRow], now: datetime, horizon: datetime
    ) -> None:
        """All at once; if that fails one by one, so that only what is at fault is put aside."""
        try:
            self._record_together(term, rows, now, horizon)
        except ENDS_ALL:
            raise
        except Exception:
            log.exception("plan_failed", definitions=len(rows), epoch=term.epoch)
            for row in rows:
                self._record_alone(term, row, now, horizon)

    def _record_alone(
        self, term: Term, row: DefinitionRow, now: datetime, horizon: datetime
    ) -> None:
        try:
            self._record_together(term, [row], now, horizon)
        except ENDS_ALL:
            raise
        except Exception as error:
            log.error("definition_not_planned", job=row.name, reason=repr(error), epoch=term.epoch)
            self._store.record_plan(term.fence, [_put_aside(row, now)])

    def _record_together(
        self, term: Term, rows: Sequence[DefinitionRow], now: datetime, horizon: datetime
    ) -> None:
        readable, unreadable = self._readable_or_not(rows)
        readable = self._with_kept_slots(readable)
        moves = [self._move(each) for each in plan(readable, now, horizon)]
        moves += [_put_aside(row, now) for row in unreadable]
        if not moves:
            return
        moved = set(self._store.record_plan(term.fence, moves))
        planned = sum(len(move.runs) for move in moves if move.definition_id in moved)
        if planned:
            log.info("runs_planned", count=planned, epoch=term.epoch)

    def _with_kept_slots(
        self, definitions: Sequence[PlannableDefinition]
    ) -> list[PlannableDefinition]:
        """Edited definitions know which slots have rows from before the edit."""
        edited = [
            (each.definition_id, after)
            for each in definitions
            if (after := replaces_after(each)) is not None
        ]
        if not edited:
            return list(definitions)
        kept = self._store.slots_planned(edited)
        return [replace(each, kept=kept.get(each.definition_id, each.kept)) for each in definitions]

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


def _put_aside(row: DefinitionRow, now: datetime) -> CursorMove:
    """A definition that cannot be planned now: its cursor stays, so that it loses no slot."""
    return CursorMove(
        definition_id=row.definition_id,
        revision=row.revision,
        planned_until_old=row.planned_until,
        planned_until_new=row.planned_until,
        next_fire_at=now + LOOK_AGAIN,
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
