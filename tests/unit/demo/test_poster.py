"""What became of the events that the demo posted: nothing promised is missing or came twice."""

from datetime import UTC, datetime
from uuid import UUID

from scheduler_demo.ledger import Run
from scheduler_demo.poster import Promise, audit_events

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def run(number: int, slot: str, *, definition=1, attempt=1, state="SUCCEEDED") -> Run:
    return Run(
        id=UUID(int=number),
        definition_id=definition,
        slot_key=slot,
        attempt=attempt,
        state=state,
        reason="",
        scheduled_for=NOON,
        scheduled_until=None,
        due_at=NOON,
        worker_id=None,
        assign_seq=0,
        started_at=None,
        finished_at=None,
    )


def promise(event: str, *runs: int) -> Promise:
    return Promise(event, {f"job-{number}": str(UUID(int=number)) for number in runs})


def test_all_is_well_when_each_promised_run_is_there_once():
    runs = [run(1, "e:a"), run(2, "e:a", definition=2), run(9, "e:a", attempt=2), run(8, "t:x")]
    found = audit_events([promise("a", 1, 2)], runs)
    assert (found.posted, found.promised, found.runs) == (1, 2, 2)
    assert (found.lost, found.doubled) == ((), ())


def test_the_same_promise_twice_counts_once():
    assert audit_events([promise("a", 1)] * 2, [run(1, "e:a")]).posted == 1


def test_a_promised_run_that_is_not_there_or_not_over_is_lost():
    found = audit_events([promise("a", 1), promise("b", 2)], [run(2, "e:b", state="PENDING")])
    assert len(found.lost) == 2
    assert "event a: no run" in found.lost[0]
    assert "still PENDING" in found.lost[1]


def test_a_run_of_no_event_and_two_of_one_slot_are_doubled():
    found = audit_events([promise("a", 1)], [run(1, "e:a"), run(3, "e:a")])
    assert len(found.doubled) == 2
