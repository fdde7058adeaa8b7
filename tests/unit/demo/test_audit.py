"""The auditor finds what is wrong: each kind of loss and doubling, planted by hand."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from scheduler_demo.audit import audit
from scheduler_demo.days import Days
from scheduler_demo.evidence import Mark
from scheduler_demo.ledger import Run
from tests.unit.demo.rows import END, GOOD, JOB, START, a_run


def marks_of(run: Run, late: float = 0.01) -> list[Mark]:
    clock = run.scheduled_for.timestamp() + late
    start = Mark("start", str(run.id), "tick", "s", run.attempt, run.assign_seq, 7, clock, clock)
    return [start, replace(start, kind="end", clock=clock + 0.1)]


EVIDENCE = [mark for run in GOOD for mark in marks_of(run)]


def found(runs=GOOD, marks=EVIDENCE, definitions=(JOB,)):
    return audit(definitions, runs, marks, since=START, until=END)


def test_a_clean_window_is_clean():
    findings = found()
    assert findings.clean
    assert (findings.due, findings.covered) == (3, 3)
    assert findings.runs_by_state == {"SUCCEEDED": 3}
    assert [round(late, 3) for late in findings.lateness_seconds.values()] == [0.01] * 3


def test_a_slot_without_a_row_is_lost():
    assert "no row for 2026-03-02 12:00:20" in found(GOOD[::2], marks=[]).lost[0]


def test_a_row_that_still_waits_is_lost():
    waiting = replace(GOOD[2], state="PENDING", reason="WAIT_NO_WORKER", started_at=None)
    assert "still PENDING (WAIT_NO_WORKER)" in found([*GOOD[:2], waiting]).lost[0]


def test_a_row_that_waits_for_its_turn_is_covered_and_counted():
    waiting = replace(GOOD[2], state="PENDING", reason="WAIT_MAX_PARALLEL", started_at=None)
    findings = found([*GOOD[:2], waiting], EVIDENCE[:4])
    assert findings.clean and (findings.covered, findings.queueing) == (3, 1)


def test_a_success_whose_work_never_ended_is_lost():
    only_started = [
        mark for mark in EVIDENCE if (mark.run_id, mark.kind) != (str(UUID(int=2)), "end")
    ]
    assert "never ended" in found(marks=only_started).lost[0]


def test_two_rows_for_one_slot_are_doubled():
    assert "2 rows" in found([*GOOD, a_run(4, 20, slot_key="t:other")], EVIDENCE).doubled[0]


def test_a_row_for_an_instant_that_was_never_due_is_doubled():
    assert "never due" in found([*GOOD, a_run(4, 15, state="FAILED")]).doubled[0]


def test_a_run_that_began_twice_is_doubled():
    assert "began 2 times" in found(marks=[*EVIDENCE, EVIDENCE[0]]).doubled[0]


def test_a_process_without_a_row_is_doubled():
    assert "has no row" in found(marks=[*EVIDENCE, *marks_of(a_run(9, 10))]).doubled[0]


def test_two_live_processes_of_a_slot_are_doubled():
    overlap = replace(EVIDENCE[0], kind="overlap")
    assert "two live processes" in found(marks=[*EVIDENCE, overlap]).doubled[0]


def test_one_row_may_cover_a_span_of_missed_slots():
    span = a_run(1, 10, state="SKIPPED", scheduled_until=START + timedelta(seconds=20))
    findings = found([span, GOOD[2]], marks_of(GOOD[2]))
    assert findings.clean and findings.covered == 3


def test_retries_and_runs_by_hand_cover_no_slot_twice():
    retry = a_run(4, 20, attempt=2)
    by_hand = a_run(5, 25, slot_key="m:x")
    evidence = [*EVIDENCE, *marks_of(retry), *marks_of(by_hand)]
    findings = found([*GOOD, retry, by_hand], evidence)
    assert findings.clean and findings.due == 3


def test_slots_before_the_schedule_was_made_or_outside_its_bounds_are_not_due():
    young = replace(JOB, since=START + timedelta(seconds=15))
    assert found(GOOD[1:], definitions=[young]).due == 2
    ended = replace(JOB, ends_at=START + timedelta(seconds=15))
    assert found(GOOD[:1], marks_of(GOOD[0]), definitions=[ended]).due == 1


def test_a_schedule_it_cannot_work_out_is_named():
    odd = replace(JOB, schedule={"kind": "cron", "expression": "0 0 L * *"})
    assert found([], [], definitions=[odd]).not_audited == ("tick: cron field 'l'",)


class TestDaysOff:
    """2 March 2026 is a Monday; by this calendar Mondays are off."""

    OFF = replace(JOB, days=Days(["mon"], {}, {}))

    def skipped(self, reason="CALENDAR"):
        return [replace(run, state="SKIPPED", reason=reason, started_at=None) for run in GOOD]

    def test_whose_slots_are_skipped_are_clean(self):
        findings = found(self.skipped(), [], [self.OFF])
        assert (findings.clean, findings.covered) == (True, 3)

    def test_on_which_a_job_ran_are_found(self):
        findings = found(definitions=[self.OFF])
        assert len(findings.doubled) == 3
        assert "is a day off, yet it is SUCCEEDED" in findings.doubled[0]

    def test_that_are_none_are_found(self):
        worked = replace(JOB, days=Days(["tue"], {}, {}))
        findings = found(self.skipped(), [], [worked])
        assert len(findings.lost) == 3
        assert "yet its day is worked" in findings.lost[0]
