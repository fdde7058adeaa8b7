"""The unattended check: run, kill the leader where asked, wait for the runs to end, audit."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scheduler_demo.archived import audit_archive
from scheduler_demo.audit import Findings, audit
from scheduler_demo.chains import unfollowed
from scheduler_demo.cluster import DemoCluster
from scheduler_demo.evidence import Mark
from scheduler_demo.ledger import OPEN_STATES, Run
from scheduler_demo.poster import Poster, audit_events
from scheduler_demo.sample.jobs import BURST_PREFIX

SETTLE_SECONDS = 60.0
ARCHIVE_SECONDS = 20.0
_TAKEOVER_SECONDS = 30.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Killed:
    """A leader's death on purpose. Times are Unix times; ``successor_at`` is the first line of
    the first job that a later epoch assigned, None when there was none in time."""

    worker_id: str
    node_id: str
    epoch: int
    at: float
    successor_at: float | None = None

    @property
    def takeover_ms(self) -> float | None:
        if self.successor_at is None:
            return None
        return round((self.successor_at - self.at) * 1000, 1)


@dataclass(slots=True)
class Report:
    """What a check found. ``problems`` holds a sentence for each thing that should not be."""

    findings: Findings
    summary: dict[str, Any]
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


class Check:
    """One check of a running cluster.

    ``probe`` asks the cluster for a run right now: the earliest thing that a new leader can
    start, since what was due soon the old one has handed out already."""

    def __init__(
        self,
        cluster: DemoCluster,
        *,
        seconds: float,
        kill_leader: bool,
        probe: Callable[[], None],
        say: Say,
        poster: Poster | None = None,
    ) -> None:
        self._cluster, self._seconds, self._say = cluster, seconds, say
        self._poster, self._unanswered = poster, False
        self._kill_leader, self._probe = kill_leader, probe
        self._killed: Killed | None = None
        self._web_failures = 0
        self._began = datetime.now(UTC)

    def run(self, since: datetime) -> Report:
        """Slots after ``since`` (UTC) count. Lateness counts from the call on: what was due while
        the cluster started is late through no fault of its own."""
        self._began, ready = since, datetime.now(UTC)
        half = self._seconds / 2
        self._watch(half)
        if self._kill_leader:
            self._killed = self._kill_and_measure()
        self._watch(self._seconds - (datetime.now(UTC) - ready).total_seconds())
        if self._poster is not None:
            self._unanswered = not self._poster.stop()
        until = datetime.now(UTC)
        self._settle(since, until)
        return self._report(since, ready, until)

    def _watch(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(1.0, left))
            web = self._cluster.web
            if web is not None and not web.answers():
                self._web_failures += 1

    # ---------------------------------------------------------------------------- the kill

    def _kill_and_measure(self) -> Killed | None:
        leader = self._cluster.leader()
        if leader is None:
            return None
        leadership = self._cluster.ledger.leadership()
        self._say(f"killing the leader, {leadership.leader} (epoch {leadership.epoch})")
        killed = Killed(str(leadership.leader), leader.node_id, leadership.epoch, time.time())
        leader.kill()
        self._probe()
        if len(self._cluster.workers) == 1:
            leader.start()
        killed.successor_at = self._await_successor(killed)
        self._say(f"take-over after {killed.takeover_ms} ms; starting {leader.node_id} again")
        if not leader.running:
            leader.start()
        return killed

    def _await_successor(self, killed: Killed) -> float | None:
        deadline = time.monotonic() + _TAKEOVER_SECONDS
        while time.monotonic() < deadline:
            first = first_start_after(self._cluster.evidence(), killed.epoch)
            if first is not None:
                return first
            time.sleep(0.05)
        return None

    # ---------------------------------------------------------------------------- the end

    def _settle(self, since: datetime, until: datetime) -> None:
        self._say("waiting for the runs of the window to end")
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and self._unsettled(since, until):
            time.sleep(0.5)

    def _unsettled(self, since: datetime, until: datetime) -> bool:
        ledger = self._cluster.ledger
        runs = ledger.runs()
        window = [run for run in runs if since < run.scheduled_for <= until]
        return any(run.state in OPEN_STATES or run.retry_pending for run in window) or unfollowed(
            ledger.definitions(), runs, ledger.dependencies(), since, until
        )

    def _report(self, since: datetime, ready: datetime, until: datetime) -> Report:
        ledger = self._cluster.ledger
        definitions = ledger.definitions()
        # Evidence before rows: a job that begins in between must find its row.
        marks = self._cluster.evidence()
        runs = ledger.runs()
        followed = ledger.dependencies()
        findings = audit(definitions, runs, marks, since=since, until=until, dependencies=followed)
        burst_ids = {d.id for d in definitions if d.name.startswith(BURST_PREFIX)}
        left_out = burst_ids | {d.id for d in definitions if not d.prompt}
        steady = self._steady_lateness(findings, runs, left_out, ready)
        errors = self._errors(runs)
        leadership = ledger.leadership()
        summary = {
            "runs": dict(findings.runs_by_state),
            "slots": {
                "due": findings.due,
                "covered": findings.covered,
                "lost": len(findings.lost),
                "doubled": len(findings.doubled),
            },
            "lateness_ms": lateness_ms([late for _, _, late in steady]),
            "lateness_undisturbed_ms": lateness_ms(self._undisturbed(steady)),
            "leader": leadership.leader,
            "epoch": leadership.epoch,
            "takeover_ms": self._killed.takeover_ms if self._killed else None,
            "queueing": findings.queueing,
            "worker_errors": len(errors),
            "seconds": round((until - ready).total_seconds(), 1),
        }
        report = Report(findings, summary)
        report.problems += self._problems(findings, errors)
        summary["events"], said = self._events(runs)
        report.problems += said
        summary["archive"], said = self._archive(runs)
        report.problems += said
        summary["bursts"] = burst_figures(findings, runs, burst_ids)
        summary["problems"] = report.problems[:50]
        return report

    def _steady_lateness(
        self, findings: Findings, runs: Sequence[Run], left_out: set[int], ready: datetime
    ) -> list[tuple[datetime, str, float]]:
        others = {str(run.id) for run in runs if run.definition_id in left_out}
        return [
            (slot, run_id, late)
            for (slot, run_id), late in findings.lateness_seconds.items()
            if slot > ready and run_id not in others
        ]

    def _undisturbed(self, steady: Sequence[tuple[datetime, str, float]]) -> list[float]:
        """Without the slots due between the kill and a second after the take-over."""
        if self._killed is None:
            return [late for _, _, late in steady]
        end = (self._killed.successor_at or self._killed.at) + 1.0
        hit = range(int(self._killed.at), int(end) + 1)
        return [late for slot, _, late in steady if int(slot.timestamp()) not in hit]

    def _problems(self, findings: Findings, errors: Sequence[str]) -> list[str]:
        said = [f"lost: {what}" for what in findings.lost]
        said += [f"doubled: {what}" for what in findings.doubled]
        said += [f"a worker's error: {what}" for what in errors]
        said += [f"{name} ended by itself: {tail}" for name, tail in self._cluster.dead()]
        if self._web_failures:
            said.append(f"the web process failed {self._web_failures} of its health checks")
        if self._kill_leader and (self._killed is None or self._killed.takeover_ms is None):
            said.append("no new leader started a run after the leader was killed")
        return said

    def _events(self, runs: Sequence[Run]) -> tuple[dict[str, int] | None, list[str]]:
        """Figures of the events that were posted, and what became of them that should not."""
        if self._poster is None:
            return None, []
        found = audit_events(self._poster.promises.values(), self._of_this_demo(runs))
        said = [f"lost: {what}" for what in found.lost]
        said += [f"doubled: {what}" for what in found.doubled]
        if self._unanswered:
            said.append("the web process did not answer the last event")
        figures = {"posted": found.posted, "promised": found.promised, "runs": found.runs}
        return {**figures, "lost": len(found.lost), "doubled": len(found.doubled)}, said

    def _archive(self, runs: Sequence[Run]) -> tuple[dict[str, int] | None, list[str]]:
        """Figures of the log archive, and what is wrong with it; nothing where there is none."""
        if self._cluster.seaweed is None:
            return None, []
        found = audit_archive(runs, since=self._began, within=ARCHIVE_SECONDS)
        return found.figures(), list(found.problems)

    def _of_this_demo(self, runs: Sequence[Run]) -> list[Run]:
        """Without those of earlier demos, whose promises nobody kept."""
        return [run for run in runs if run.due_at >= self._began]

    def _errors(self, runs: Sequence[Run]) -> list[str]:
        owner = {str(run.id): run.worker_id for run in runs}
        expected = self._expected_losses()
        return [
            f"{worker.node_id}: {describe(event)}"
            for worker in self._cluster.workers
            for event in worker.complaints()
            if not is_loss_of(event, owner, expected)
        ]

    def _expected_losses(self) -> Callable[[str], bool]:
        """Whose loss is no fault: of the one that we killed, and of those of an earlier demo."""
        told = (event for worker in self._cluster.workers for event in worker.events())
        ours = {event["worker_id"] for event in told if event.get("event") == "worker_joined"}
        killed = self._killed.worker_id if self._killed else None
        return lambda worker_id: worker_id == killed or worker_id not in ours


def is_loss_of(
    event: dict[str, Any], owner: Mapping[str, str | None], whose: Callable[[str], bool]
) -> bool:
    """Whether a line says that such a worker is lost, or one of its runs with it."""
    named = event.get("worker_id") or owner.get(str(event.get("run_id")))
    expected = event.get("event") in ("worker_lost", "run_orphaned")
    return expected and named is not None and whose(named)


def first_start_after(marks: Sequence[Mark], epoch: int) -> float | None:
    """Unix time at which the first job assigned by a later epoch began, None if none did."""
    starts = (mark.clock for mark in marks if mark.kind == "start" and mark.epoch > epoch)
    return min(starts, default=None)


def lateness_ms(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """Nearest-rank percentiles in milliseconds and how many they are of; None of nothing."""
    if not seconds:
        return {"p50": None, "p99": None, "max": None, "count": 0}
    ordered = sorted(seconds)
    shares = {"p50": 0.50, "p99": 0.99, "max": 1.0}
    ranks = {name: math.ceil(len(ordered) * share) for name, share in shares.items()}
    figures = {name: round(ordered[rank - 1] * 1000, 1) for name, rank in ranks.items()}
    return {**figures, "count": len(ordered)}


def burst_figures(
    findings: Findings, runs: Sequence[Run], burst_ids: set[int]
) -> list[dict[str, Any]]:
    """For each instant with burst jobs: how many began, and the lateness of the last of them."""
    burst = {str(run.id) for run in runs if run.definition_id in burst_ids}
    by_slot: dict[datetime, list[float]] = {}
    for (slot, run_id), late in findings.lateness_seconds.items():
        if run_id in burst:
            by_slot.setdefault(slot, []).append(late)
    return [
        {
            "due": slot.isoformat(),
            "started": len(lates),
            "lateness_ms": lateness_ms(lates),
            "starts_per_second": round(len(lates) / max(*lates, 0.001), 1),
        }
        for slot, lates in sorted(by_slot.items())
    ]


def describe(event: dict[str, Any]) -> str:
    """A logged event as one short line."""
    told = ", ".join(
        f"{name}={value}"
        for name, value in event.items()
        if name not in ("event", "level", "timestamp", "exception") and value not in (None, "")
    )
    return f"{event.get('event', '?')} ({told})" if told else str(event.get("event", "?"))
