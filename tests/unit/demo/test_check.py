"""The figures and the words of a check."""

from datetime import UTC, datetime
from uuid import UUID

from scheduler_demo.audit import Findings
from scheduler_demo.check import (
    Killed,
    burst_figures,
    describe,
    first_start_after,
    is_loss_of,
    lateness_ms,
)
from scheduler_demo.evidence import Mark
from scheduler_demo.ledger import Run
from scheduler_demo.session import as_text

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_start(epoch: int, clock: float, kind="start") -> Mark:
    return Mark(kind, "r", "job", "s", 1, epoch << 32 | 5, 7, clock, clock)


def test_percentiles_are_values_that_occurred():
    figures = lateness_ms([number / 1000 for number in range(1, 201)])
    assert figures == {"p50": 100.0, "p99": 198.0, "max": 200.0, "count": 200}
    assert lateness_ms([0.5]) == {"p50": 500.0, "p99": 500.0, "max": 500.0, "count": 1}


def test_of_nothing_there_are_no_percentiles():
    assert lateness_ms([]) == {"p50": None, "p99": None, "max": None, "count": 0}


def test_the_first_start_of_a_later_epoch_ends_a_takeover():
    marks = [a_start(1, 10.0), a_start(2, 12.5, "end"), a_start(2, 12.25), a_start(3, 13.0)]
    assert first_start_after(marks, 1) == 12.25
    assert first_start_after(marks, 3) is None
    killed = Killed("w-1", "node-1", 1, at=11.5, successor_at=12.25)
    assert killed.takeover_ms == 750.0
    assert Killed("w-1", "node-1", 1, at=11.5).takeover_ms is None


def test_a_burst_is_told_by_its_slowest_start():
    ids = [UUID(int=number) for number in range(1, 4)]
    runs = [Run(i, 9, "t:x", 1, "SUCCEEDED", "", NOON, None, NOON, "w", 1, NOON, NOON) for i in ids]
    late = {(NOON, str(i)): seconds for i, seconds in zip(ids, (0.1, 0.2, 1.5), strict=True)}
    findings = Findings(3, 3, (), (), (), 0, {}, late)
    [burst] = burst_figures(findings, runs, {9})
    assert burst["started"] == 3 and burst["starts_per_second"] == 2.0
    assert burst["lateness_ms"]["max"] == 1500.0
    assert burst_figures(findings, runs, {8}) == []


def test_an_event_is_told_in_one_line():
    event = {"event": "worker_lost", "level": "error", "worker_id": "w-1", "reason": ""}
    assert describe(event) == "worker_lost (worker_id=w-1)"
    assert describe({"event": "traceback"}) == "traceback"


def test_only_the_loss_of_a_killed_worker_or_of_an_earlier_demos_is_no_fault():
    ours, killed = {"w-1", "w-2"}, "w-1"
    owner = {"run-1": "w-1", "run-2": "w-2", "run-3": None}

    def excused(event: str, **fields: str) -> bool:
        line = {"event": event, "level": "error", **fields}
        return is_loss_of(line, owner, lambda worker: worker == killed or worker not in ours)

    assert excused("worker_lost", worker_id="w-1")
    assert excused("worker_lost", worker_id="w-of-yesterday")
    assert excused("run_orphaned", run_id="run-1")
    assert not excused("worker_lost", worker_id="w-2")
    assert not excused("run_orphaned", run_id="run-2")
    assert not excused("run_orphaned", run_id="run-3")
    assert not excused("run_orphaned", run_id="of nobody")
    assert not excused("loop_tick_failed", worker_id="w-1")


def test_the_text_ends_with_what_is_wrong():
    summary = {
        "runs": {"SUCCEEDED": 3},
        "slots": {"due": 4, "covered": 3, "lost": 1, "doubled": 0},
        "lateness_ms": lateness_ms([0.01]),
        "lateness_undisturbed_ms": lateness_ms([]),
        "leader": "w-2",
        "epoch": 2,
        "takeover_ms": 650.0,
        "queueing": 0,
        "bursts": [],
        "problems": ["lost: tick: no row"],
        "ok": False,
    }
    lines = as_text(summary).splitlines()
    assert "slots      due 4, covered 3, lost 1, doubled 0" in lines
    assert "take-over  650.0 ms from SIGKILL to the next run" in lines
    assert lines[-2:] == ["PROBLEM    lost: tick: no row", "NOT well: see the problems above"]
