"""Was each due slot run once? Asked of the rows and of what the jobs themselves left behind."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scheduler_demo import timetable
from scheduler_demo.chains import audit_chains
from scheduler_demo.evidence import Mark
from scheduler_demo.ledger import OPEN_STATES, Definition, Dependency, Run

QUEUEING = frozenset(
    {
        "WAIT_CAPACITY",
        "WAIT_MAX_PARALLEL",
        "WAIT_REPLACE",
        "WAIT_PAUSED",
        "WAIT_QUARANTINED",
        "WAIT_UPSTREAM",
    }
)
"""Reasons of a waiting run that has its turn to come: its slot is covered, though late."""


@dataclass(frozen=True, slots=True)
class Findings:
    """``lost`` and ``doubled`` hold one sentence each; ``due`` and ``covered`` count slots (those
    that follow others too, ``chains``), and ``queueing`` those of the covered whose run still
    waits for its turn.

    ``lateness_seconds`` maps the scheduled instant and run id of each first attempt that started
    in the window to the time from due to the job's first line."""

    due: int
    covered: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    not_audited: tuple[str, ...]
    queueing: int
    runs_by_state: Mapping[str, int]
    lateness_seconds: Mapping[tuple[datetime, str], float] = field(repr=False)

    @property
    def clean(self) -> bool:
        """Nothing lost and nothing doubled."""
        return not self.lost and not self.doubled


@dataclass(slots=True)
class _Slots:
    due: int = 0
    covered: int = 0
    queueing: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    not_audited: list[str] = field(default_factory=list)


def audit(
    definitions: Sequence[Definition],
    runs: Sequence[Run],
    marks: Sequence[Mark],
    *,
    since: datetime,
    until: datetime,
    dependencies: Sequence[Dependency] = (),
) -> Findings:
    """Compare what was due with ``since < slot <= until`` with what the rows say and what the
    jobs' evidence says. Call it when the runs of the window had time to end: a row that is still
    open counts as lost, unless it says that it waits for its turn."""
    found = _Slots()
    by_definition: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_definition[run.definition_id].append(run)
    for definition in definitions:
        _audit_definition(definition, by_definition[definition.id], since, until, found)
    chained = audit_chains(definitions, runs, dependencies, since, until)
    found.due += chained.due
    found.covered += chained.covered
    found.lost += chained.lost
    found.doubled += chained.doubled
    found.doubled += _doubled_by_evidence(runs, marks)
    in_window = [run for run in runs if since < run.scheduled_for <= until]
    found.lost += _lost_by_evidence(in_window, marks)
    return Findings(
        due=found.due,
        covered=found.covered,
        lost=tuple(found.lost),
        doubled=tuple(found.doubled),
        not_audited=tuple(found.not_audited),
        queueing=found.queueing,
        runs_by_state=dict(sorted(Counter(run.state for run in in_window).items())),
        lateness_seconds=_lateness(in_window, marks),
    )


def _audit_definition(
    definition: Definition, runs: Sequence[Run], since: datetime, until: datetime, found: _Slots
) -> None:
    if not definition.enabled or definition.schedule is None:
        return
    begin = max(since, definition.since)
    try:
        due = timetable.slots(
            definition.schedule, definition.timezone, begin, until, definition.days
        )
    except timetable.CannotAudit as error:
        found.not_audited.append(f"{definition.name}: {error}")
        return
    wanted = [slot for slot in due if _within(definition, slot)]
    rows = [run for run in runs if run.attempt == 1 and run.slot_key.startswith("t:")]
    found.due += len(wanted)
    for slot in wanted:
        covering = [run for run in rows if _covers(run, slot)]
        _audit_slot(definition.name, slot, covering, found)
        _audit_day(definition, slot, covering, found)
    for run in rows:
        if begin < run.scheduled_for <= until and run.scheduled_for not in wanted:
            found.doubled.append(f"{definition.name}: a run for {run.scheduled_for}, never due")


def _audit_slot(name: str, slot: datetime, rows: Sequence[Run], found: _Slots) -> None:
    if not rows:
        found.lost.append(f"{name}: no row for {slot}")
    elif len(rows) > 1:
        found.doubled.append(f"{name}: {len(rows)} rows for {slot}")
    elif rows[0].state == "PENDING" and rows[0].reason in QUEUEING:
        found.covered += 1
        found.queueing += 1
    elif rows[0].state in OPEN_STATES:
        found.lost.append(f"{name}: {slot} is still {rows[0].state} ({rows[0].reason or 'no why'})")
    else:
        found.covered += 1


def _audit_day(definition: Definition, slot: datetime, rows: Sequence[Run], found: _Slots) -> None:
    """A slot on a day off is skipped, and none else is for a day off."""
    assert definition.schedule is not None
    off = timetable.closed(definition.schedule, definition.timezone, slot, definition.days)
    for row in rows:
        if off and row.state != "SKIPPED":
            found.doubled.append(f"{definition.name}: {slot} is a day off, yet it is {row.state}")
        if not off and row.reason == "CALENDAR" and row.scheduled_until is None:
            found.lost.append(f"{definition.name}: {slot} is skipped, yet its day is worked")


def _within(definition: Definition, slot: datetime) -> bool:
    late = definition.ends_at is not None and slot > definition.ends_at
    early = definition.starts_at is not None and slot < definition.starts_at
    return not late and not early


def _covers(run: Run, slot: datetime) -> bool:
    return run.scheduled_for <= slot <= (run.scheduled_until or run.scheduled_for)


def _doubled_by_evidence(runs: Sequence[Run], marks: Iterable[Mark]) -> list[str]:
    """Two live processes of a slot, a run that began twice, a process of no known run."""
    known = {str(run.id) for run in runs}
    starts = Counter(mark.run_id for mark in marks if mark.kind == "start")
    said = [f"run {run_id} began {n} times" for run_id, n in starts.items() if n > 1]
    said += [f"run {run_id} began but has no row" for run_id in starts if run_id not in known]
    said += [
        f"{mark.job}: two live processes for {mark.scheduled_for} (pid {mark.pid} came second)"
        for mark in marks
        if mark.kind == "overlap"
    ]
    return said


def _lost_by_evidence(runs: Sequence[Run], marks: Sequence[Mark]) -> list[str]:
    """Rows that say SUCCEEDED of work that never ended. Of runs older than the evidence: none."""
    if not marks:
        return []
    first = min(mark.clock for mark in marks)
    ended = {mark.run_id for mark in marks if mark.kind == "end"}
    return [
        f"run {run.id} of {run.scheduled_for} is SUCCEEDED, but its work never ended"
        for run in runs
        if run.state == "SUCCEEDED"
        and run.started_at is not None
        and run.started_at.timestamp() > first
        and str(run.id) not in ended
    ]


def _lateness(runs: Sequence[Run], marks: Iterable[Mark]) -> dict[tuple[datetime, str], float]:
    began = {mark.run_id: mark.clock for mark in marks if mark.kind == "start"}
    return {
        (run.scheduled_for, str(run.id)): began[str(run.id)] - run.scheduled_for.timestamp()
        for run in runs
        if run.attempt == 1 and run.slot_key.startswith("t:") and str(run.id) in began
    }
