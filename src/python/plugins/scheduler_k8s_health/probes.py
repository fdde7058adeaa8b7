"""What /livez and /readyz say. Pure.

Alive: this process can still do its work, whatever is away. Kubernetes restarts what is not, so
nothing remote may count. Ready: it has all that it needs, and takes work.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from scheduler.plugin_api.mounts import PageAnswer
from scheduler.plugin_api.services import LoopPulse, Readiness, WorkerSnapshot

JSON = "application/json"
OK, FAILING = "ok", "failing"
ACCEPTS_RUNS = "accepts_runs"
SERVERS = ("database", "redis")
READINESS_KEPT_SECONDS = 1.0
"""However many ask a process for its readiness, it asks the database and Redis once a second."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``parts`` is what the verdict was made of."""

    parts: tuple[Readiness, ...]

    @property
    def ok(self) -> bool:
        return all(part.ok for part in self.parts)


def livez(
    loops: Iterable[LoopPulse], hung_seconds: float, needs: Callable[[], Iterable[Readiness]]
) -> Verdict:
    """A worker is alive while each of its loops goes round.

    A loop may also stand still because a server is frozen; a restart would not help then. So
    ``needs`` is asked where a loop seems to hang, and it counts as hung only while the servers are
    well.
    """
    pulses = tuple(loops)
    if all(pulse.busy_seconds <= hung_seconds for pulse in pulses):
        away: tuple[str, ...] = ()
    else:
        away = tuple(one.name for one in needs() if one.name in SERVERS and not one.ok)
    return Verdict(tuple(_loop(pulse, hung_seconds, away) for pulse in pulses))


def readyz(needs: Iterable[Readiness], worker: WorkerSnapshot) -> Verdict:
    """A worker is ready when it has all that it needs and takes runs.

    A drained worker is not: a disruption budget counts ready pods, and one that takes no runs is no
    reason to let another be evicted.
    """
    takes = not worker.draining
    told = "It takes runs." if takes else "It is being drained and takes no new runs."
    return Verdict((*needs, Readiness(ACCEPTS_RUNS, takes, told)))


def answer(verdict: Verdict, query: Mapping[str, str]) -> PageAnswer:
    """200 or 503 with a small JSON object; ``?verbose`` adds a sentence for each part."""
    show = _sentence if "verbose" in query else _word
    shown = {part.name: show(part) for part in verdict.parts}
    body = {"status": OK if verdict.ok else FAILING, "parts": shown}
    return PageAnswer(
        status=200 if verdict.ok else 503,
        body=json.dumps(body, ensure_ascii=False).encode(),
        content_type=JSON,
        headers={"Cache-Control": "no-store"},
    )


def _loop(pulse: LoopPulse, hung_seconds: float, away: Sequence[str]) -> Readiness:
    if pulse.dead:
        return Readiness(pulse.name, False, "Its thread has ended.")
    if pulse.busy_seconds <= hung_seconds:
        return Readiness(pulse.name, True, "It goes round.")
    told = f"Its present step has lasted {pulse.busy_seconds:.0f} s"
    if away:
        return Readiness(pulse.name, True, f"{told}, while these do not answer: {', '.join(away)}.")
    return Readiness(pulse.name, False, f"{told}; at most {hung_seconds:g} s are allowed.")


def _word(part: Readiness) -> object:
    return OK if part.ok else FAILING


def _sentence(part: Readiness) -> object:
    return {"ok": part.ok, "summary": part.summary}
