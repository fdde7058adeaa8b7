"""What became of the logs of runs: archived or not, and whether they can be read back."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scheduler.domain.errors import SchedulerError
from scheduler_demo.ledger import OPEN_STATES, Run

_READ_BACK = 5
_AT_A_TIME = 256 * 1024


@dataclass(frozen=True, slots=True)
class ArchiveFindings:
    """``archived`` logs of ended runs, ``pending`` ones not archived yet (a run that was lost
    before it wrote anything stays one). ``failed`` could not be read back; ``problems`` says it."""

    archived: int
    pending: int
    failed: int
    problems: tuple[str, ...]

    def figures(self) -> dict[str, int]:
        return {"archived": self.archived, "pending": self.pending, "failed": self.failed}


def audit_archive(runs: Iterable[Run], *, since: datetime, within: float) -> ArchiveFindings:
    """Looks at the runs due after ``since`` that have ended, and reads the newest archived logs,
    each of another job, by the way of the API. Waits up to ``within`` seconds for those that are
    on their way. Needs Django set up over the cluster's environment."""
    ended = [run for run in runs if run.due_at >= since and run.state not in OPEN_STATES]
    deadline = time.monotonic() + within
    archived, pending = _sorted(ended)
    while pending and time.monotonic() < deadline:
        time.sleep(0.5)
        archived, pending = _sorted(ended)
    asked = _newest_of_each_job(ended, archived)
    said = [problem for run_id in asked[:_READ_BACK] if (problem := _read_back(run_id))]
    none = [] if archived else ["no log was archived"]
    return ArchiveFindings(len(archived), len(pending), len(said), (*none, *said))


def newest_archived() -> str | None:
    """An address of the log of one of the newest runs whose log is archived. Never raises
    SchedulerError."""
    with suppress(SchedulerError):
        return _newest_archived()
    return None


def _newest_archived() -> str | None:
    from scheduler.bootstrap.run_log_reader import log_link
    from scheduler.queries.plugins import log_archive
    from scheduler.queries.run_logs import run_log_states
    from scheduler.queries.runs import recent_runs

    recent = [run.run_id for run in recent_runs(100) if run.finished]
    states = run_log_states(recent)
    found = (run for run in recent if run in states and states[run].archived)
    newest = next(found, None)
    return log_link(newest, log_archive) if newest else None


def _sorted(ended: list[Run]) -> tuple[set[UUID], set[UUID]]:
    from scheduler.queries.run_logs import run_log_states

    started = {run.id for run in ended if run.started_at is not None}
    states = run_log_states(started)
    archived = {run for run, state in states.items() if state.archived}
    return archived, started - archived


def _newest_of_each_job(ended: list[Run], archived: set[UUID]) -> list[UUID]:
    newest = {run.definition_id: run.id for run in ended if run.id in archived}
    return sorted(newest.values(), reverse=True)


def _read_back(run_id: UUID) -> str | None:
    """None, or the sentence that says what is wrong with it."""
    from scheduler.bootstrap.run_log_reader import read_run_log
    from scheduler.queries.in_force import core_settings
    from scheduler.queries.plugins import log_archive

    offset, finished = 0, False
    try:
        while not finished:
            piece = read_run_log(run_id, offset, _AT_A_TIME, core_settings(), log_archive)
            if piece.next_offset == offset and not piece.finished:
                return f"the archived log of run {run_id} has no end"
            offset, finished = piece.next_offset, piece.finished
    except SchedulerError as error:
        return f"an archived log does not read back: {error}"
    return None
