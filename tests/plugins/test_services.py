"""The background of a worker: services, news of leadership, measures of runs. Time is a number."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Event
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError

from scheduler.bootstrap import plugin_services, run_measures
from scheduler.bootstrap.leadership_news import LeadershipNews
from scheduler.bootstrap.plugin_services import LONGEST_RETRY_SECONDS, PluginServices, Rounds
from scheduler.bootstrap.plugin_states import STUCK_AFTER, states_of
from scheduler.bootstrap.run_measures import BATCH_SIZE, RunFacts, RunMeasures, measure
from scheduler.domain.values import Reason, ResourceUse, RunResult, RunState
from scheduler.plugin_api.failures import PluginFailure
from scheduler.plugin_api.host import PluginHost, PluginService
from scheduler.plugin_api.limits import CallUnderWay
from scheduler.plugin_api.services import LeadershipChange, Service
from scheduler.runtime.clock import SystemClock
from scheduler.runtime.member import Term
from scheduler.testing.worker_view import FakeWorkerView
from tests.plugins.builders import NOON, broken, failed_hooks, host_of, plugin

VIEW = FakeWorkerView()


class StillClock(SystemClock):
    """Time stands where it is put."""

    def boottime(self) -> float:
        return 100.0


@pytest.fixture(autouse=True)
def no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own thread has the test's connection, which is to stay."""
    monkeypatch.setattr(plugin_services, "close_old_connections", lambda: None)
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)
    monkeypatch.setattr(run_measures, "connection", SimpleNamespace(close=lambda: None))


def hosting(service: Service) -> tuple[PluginHost, PluginService]:
    host = host_of(plugin("one", worker_services=lambda self, worker: [service]))
    (one,) = host.worker_services(VIEW)
    return host, one


# ------------------------------------------------------------------------------------ services


def test_a_service_says_when_its_next_round_is():
    host, one = hosting(Service("sweep", lambda: 30.0))
    assert Rounds(host, one, StillClock(), lambda: True).tick(100.0) == 130.0


def test_a_service_that_fails_is_tried_again_less_and_less_often():
    host, one = hosting(Service("sweep", broken))
    rounds = Rounds(host, one, StillClock(), lambda: True)
    waits = [rounds.tick(100.0) - 100.0 for _ in range(12)]
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(waits[6:]) == {LONGEST_RETRY_SECONDS}
    assert failed_hooks(host) == [("one", "service sweep", 12)]


def test_a_service_that_came_back_starts_from_the_first_wait_again():
    answers = iter([broken, broken, lambda: 5.0, broken])

    def tick() -> float:
        answer: float = next(answers)()
        return answer

    host, one = hosting(Service("sweep", tick))
    rounds = Rounds(host, one, StillClock(), lambda: True)
    assert [rounds.tick(100.0) - 100.0 for _ in range(4)] == [1, 2, 5, 1]


def test_a_service_of_the_leader_rests_while_another_leads():
    ticks: list[int] = []

    def tick() -> float:
        ticks.append(1)
        return 1.0

    host, one = hosting(Service("sweep", tick))
    leads = [False, True, False]
    rounds = Rounds(host, one, StillClock(), lambda: leads.pop(0))
    for expected in (0, 1, 1):
        rounds.tick(100.0)
        assert len(ticks) == expected


def test_services_end_and_are_closed_but_for_one_that_hangs():
    gate, ticked, closed = Event(), Event(), []

    def hang() -> float:
        ticked.set()
        gate.wait()
        return 1.0

    good = Service("good", lambda: 60.0, lambda: closed.append("good"))
    bad = Service("bad", hang, lambda: closed.append("bad"))
    host = host_of(plugin("one", worker_services=lambda self, worker: [bad, good]))
    services = PluginServices(
        host,
        SystemClock(),
        always=host.worker_services(VIEW),
        leading=(),
        leads=lambda: False,
    )
    services.start()
    assert ticked.wait(5)
    services.end(0.2)
    gate.set()
    assert closed == ["good"]


def test_services_that_were_never_started_end_too():
    host, one = hosting(Service("sweep", lambda: 30.0))
    services = PluginServices(host, SystemClock(), always=[one], leading=(), leads=lambda: False)
    services.end(0.2)
    assert host.failures == ()


def test_a_new_leader_wakes_the_leaders_services():
    ticked, leads = Event(), Event()

    def tick() -> float:
        ticked.set()
        return 60.0

    host, one = hosting(Service("tidy", tick))
    services = PluginServices(host, SystemClock(), always=(), leading=[one], leads=leads.is_set)
    services.start()
    assert not ticked.wait(0.05)
    leads.set()
    services.term_began()
    assert ticked.wait(2)
    services.end(1)


# ---------------------------------------------------------------------------------- leadership


def term(epoch: int) -> Term:
    return Term(epoch, uuid4(), "w-1", 0.0, 0.0)


def test_plugins_hear_of_leadership_in_order_and_of_its_end_with_the_same_epoch():
    told: list[LeadershipChange] = []
    host = host_of(plugin("one", leadership_changed=lambda self, change: told.append(change)))
    news = LeadershipNews(host, lambda: NOON)
    for now in (term(7), None, term(9), None):
        news.changed(now)
    assert told == []
    assert news.wake.is_set()
    news.tick(0.0)
    assert [(one.epoch, one.gained) for one in told] == [
        (7, True),
        (7, False),
        (9, True),
        (9, False),
    ]
    assert {(one.worker_id, one.at) for one in told} == {("w-1", NOON)}


def test_the_end_of_no_term_is_no_news():
    host = host_of(plugin("one", leadership_changed=broken))
    news = LeadershipNews(host)
    news.changed(None)
    news.tick(0.0)
    assert host.failures == ()


# ------------------------------------------------------------------------------------ measures


def result(number: int = 1, **changes: object) -> RunResult:
    use = ResourceUse(0.5, 0.25, 4096, 10, None)
    values: dict[str, object] = {"state": RunState.SUCCEEDED, "use": use} | changes
    return RunResult(UUID(int=number), uuid4(), **values)  # type: ignore[arg-type]


FACTS = RunFacts("nightly", "default", 2, NOON, NOON + timedelta(seconds=1), NOON)


def facts_of(run_ids: Sequence[UUID]) -> dict[UUID, RunFacts]:
    return dict.fromkeys(run_ids, FACTS)


class Told:
    def __init__(self, facts=facts_of, at_most: int = 10_000) -> None:
        self.batches: list[list[int]] = []
        self.host = host_of(plugin("one", runs_measured=self.take))
        self.measures = RunMeasures(self.host, facts, at_most)

    @property
    def take(self):
        def take(plugin_itself, measures) -> None:
            self.batches.append([one.run_id.int for one in measures])

        return take


def test_finished_runs_are_told_in_batches_and_in_order():
    told = Told()
    told.measures.push([result(number) for number in range(BATCH_SIZE + 3)])
    assert told.measures.wake.is_set()
    assert told.measures.tick(7.0) == 7.0
    assert told.measures.tick(7.0) == 8.0
    assert told.measures.tick(8.0) == 8.0
    assert told.measures.tick(8.0) > 9.0
    assert [len(batch) for batch in told.batches] == [BATCH_SIZE, 3]
    assert [number for batch in told.batches for number in batch] == list(range(BATCH_SIZE + 3))


def test_a_run_after_a_quiet_second_is_told_of_at_once_and_the_next_ones_together_a_second_later():
    told = Told()
    told.measures.push([result(1)])
    told.measures.tick(3.0)
    assert told.batches == [[1]]
    told.measures.tick(3.0)
    told.measures.wake.clear()
    told.measures.push([result(2)])
    assert told.measures.wake.is_set()
    assert told.measures.tick(3.1) == 4.0
    told.measures.wake.clear()
    told.measures.push([result(3)])
    assert not told.measures.wake.is_set(), "the thread knows already when to look"
    told.measures.tick(4.0)
    assert told.batches == [[1], [2, 3]]


def test_a_full_batch_waits_for_nothing():
    told = Told()
    told.measures.push([result(1)])
    told.measures.tick(3.0)
    told.measures.push([result(2)])
    told.measures.wake.clear()
    told.measures.push([result(number) for number in range(3, BATCH_SIZE + 3)])
    assert told.measures.wake.is_set()
    told.measures.tick(3.1)
    assert [len(batch) for batch in told.batches] == [1, BATCH_SIZE]


def test_what_waits_at_the_end_is_told_without_a_pause():
    told = Told()
    told.measures.push([result(1)])
    told.measures.tick(0.0)
    told.measures.push([result(2)])
    told.measures.tell_rest(5.0)
    assert told.batches == [[1], [2]]


def test_where_plugins_are_slower_than_the_runs_the_oldest_are_dropped_and_counted():
    told = Told(at_most=3)
    told.measures.push([result(number) for number in range(5)])
    told.measures.tick(0.0)
    assert told.batches == [[2, 3, 4]]
    (failure,) = told.host.failures
    assert failure.hook == "scheduler_runs_measured"
    assert "2 finished runs were dropped" in failure.last_error


def test_while_the_rdb_does_not_answer_runs_wait_in_order():
    answers = iter([broken_database, facts_of])

    def facts(ids: Sequence[UUID]) -> dict[UUID, RunFacts]:
        return next(answers)(ids)

    told = Told(facts)
    told.measures.push([result(1), result(2)])
    assert told.measures.tick(10.0) == 12.0
    assert told.batches == []
    told.measures.push([result(3)])
    told.measures.tick(12.0)
    assert told.batches == [[1, 2, 3]]


def broken_database(ids: Sequence[UUID]) -> dict[UUID, RunFacts]:
    raise DatabaseError("the connection was closed")


def test_a_run_that_was_purged_meanwhile_is_left_out():
    told = Told(facts=lambda ids: {ids[0]: FACTS})
    told.measures.push([result(1), result(2)])
    told.measures.tick(0.0)
    assert told.batches == [[1]]


def test_a_measure_says_what_the_run_took():
    measured = measure(result(state=RunState.FAILED, reason=Reason.EXIT_CODE), FACTS)
    assert (measured.job_name, measured.queue, measured.attempt) == ("nightly", "default", 2)
    assert (measured.state, measured.reason) == (RunState.FAILED, "EXIT_CODE")
    assert (measured.cpu_user_seconds, measured.cpu_system_seconds) == (0.5, 0.25)
    assert (measured.max_rss_bytes, measured.read_bytes, measured.write_bytes) == (4096, 10, None)
    assert measured.started_at == FACTS.started_at


@pytest.mark.parametrize("reason", [Reason.START_FAILED, Reason.NEVER_STARTED])
def test_of_a_run_without_process_nothing_was_measured(reason):
    measured = measure(result(state=RunState.FAILED, reason=reason, use=ResourceUse()), FACTS)
    assert measured.started_at is None
    assert measured.cpu_user_seconds is None
    assert measured.max_rss_bytes is None


# -------------------------------------------------------------------------------------- states


def test_a_state_says_what_failed_and_what_hangs():
    failed = PluginFailure("one", "scheduler_alert", 3, "RuntimeError: no", NOON)
    calls = [
        CallUnderWay("one", "scheduler_alert", NOON - STUCK_AFTER),
        CallUnderWay("two", "service sweep", NOON - 2 * STUCK_AFTER),
        CallUnderWay("two", "service quick", NOON - STUCK_AFTER / 2),
    ]
    alert, sweep = states_of([failed], calls, NOON)
    assert (alert.count, alert.last_error, alert.stuck_since) == (
        3,
        "RuntimeError: no",
        NOON - STUCK_AFTER,
    )
    assert (sweep.plugin, sweep.hook, sweep.count) == ("two", "service sweep", 0)
    assert sweep.stuck_since == NOON - 2 * STUCK_AFTER
