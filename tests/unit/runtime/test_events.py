"""A run that an event started has the event before it is claimed, and no other run costs a look."""

from dataclasses import replace
from uuid import uuid4

import pytest

from tests.unit.runtime.worlds import OneWorker, order

DOCUMENT = '{"payload": 1}'


@pytest.fixture
def worker() -> OneWorker:
    return OneWorker()


def launched(worker: OneWorker) -> list:
    return [spec.run_id for spec in worker.host.launched]


def test_the_events_of_a_batch_are_read_by_one_look(worker):
    event = uuid4()
    worker.store.events_in_rdb[event] = DOCUMENT
    orders = [replace(order(), event_id=event), replace(order(), event_id=event)]
    worker.offer(*orders)
    worker.tick()
    assert worker.store.asked_events == [[event]]
    assert sorted(launched(worker)) == sorted(each.run_id for each in orders)


def test_runs_of_no_event_cost_no_look(worker):
    worker.offer(order(), order())
    worker.tick()
    assert worker.store.asked_events == []
    assert len(launched(worker)) == 2


def test_a_claim_whose_answer_was_lost_reads_its_event_once(worker):
    event = uuid4()
    worker.store.events_in_rdb[event] = DOCUMENT
    worker.offer(replace(order(), event_id=event))
    worker.store.lose_answer = True
    worker.tick()
    worker.tick(1.0)
    assert worker.store.asked_events == [[event]]
    assert len(launched(worker)) == 1


def test_while_the_rdb_is_away_nothing_is_claimed_and_it_starts_later(worker):
    event = uuid4()
    worker.store.events_in_rdb[event] = DOCUMENT
    run = replace(order(), event_id=event)
    worker.offer(run)
    worker.store.away = True
    worker.tick()
    assert launched(worker) == []
    assert worker.store.tokens == {}
    worker.store.away = False
    worker.tick(1.0)
    assert launched(worker) == [run.run_id]
