"""From ended runs to what is added to the durable tallies. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from scheduler.plugin_api.values import RunState
from scheduler.queries.ledger_counts import EndedRuns

FAILURES = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.ORPHANED})


class TallyFigure(StrEnum):
    """What is tallied. FINISHED is split by state, SKIPPED by reason, the rest by nothing."""

    FINISHED = "finished"
    RETRIES = "retries"
    SKIPPED = "skipped"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class TallyKey:
    figure: TallyFigure
    job_name: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Addition:
    """``last_at`` is Unix time: of the newest run in it; 0 where that is of no interest."""

    value: float = 0.0
    last_at: float = 0.0


def additions(ended: Iterable[EndedRuns], label: Callable[[str], str]) -> dict[TallyKey, Addition]:
    """What these runs add, under the names that ``label`` gives their jobs; nothing negative."""
    found: dict[TallyKey, Addition] = defaultdict(Addition)
    for group in ended:
        for key, addition in _of_group(group, label(group.job_name)):
            before = found[key]
            found[key] = Addition(
                before.value + addition.value, max(before.last_at, addition.last_at)
            )
    return dict(found)


def _of_group(group: EndedRuns, job: str) -> Iterator[tuple[TallyKey, Addition]]:
    finished = TallyKey(TallyFigure.FINISHED, job, group.state.value)
    yield finished, Addition(group.runs, group.last_at.timestamp())
    if group.state is RunState.SKIPPED:
        yield TallyKey(TallyFigure.SKIPPED, job, group.reason), Addition(group.slots)
    if group.retries:
        yield TallyKey(TallyFigure.RETRIES, job), Addition(group.retries)
    if group.seconds > 0:
        yield TallyKey(TallyFigure.SECONDS, job), Addition(group.seconds)
