"""After a fail-over a leader waits for all that the live workers have to write again."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from scheduler.domain.values import (
    ClusterView,
    DesiredMode,
    LeaseState,
    Reason,
    WorkerView,
)
from scheduler.ports import Agenda
from scheduler.runtime.assigner import Assigner
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.engine import Engine
from scheduler.runtime.member import Term
from tests.unit.runtime import elections
from tests.unit.runtime.elections import ClusterRow, Election, RecordingDuties
from tests.unit.runtime.worlds import NOON, FakeClock, facts


class Recorder:
    """The leader's store and parts, as far as an engine asks them; writes down who was called."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.waits: list[tuple[Any, Reason, str]] = []
        self.workers: list[WorkerView] = []
        self.pinged: list[str] = []
        self.swept: list[bool] = []
        self.expected: list[int] = []
        self.reason: Reason | None = None

    def engine(self, clock: FakeClock) -> Engine:
        config = RuntimeConfig()
        assigner = Assigner(self, None, clock, lambda: config, lambda worker_id: "")  # type: ignore[arg-type]
        assigner.tick = self._assign  # type: ignore[method-assign]
        parts = SimpleNamespace(
            planner=SimpleNamespace(tick=self._plan, establish=lambda: None),
            reaper=SimpleNamespace(
                tick=self._reap, establish=lambda: None, take_back_refused=lambda term: None
            ),
            pinger=SimpleNamespace(
                watch=self._watch,
                refuses=lambda worker_id: "",
                establish=lambda term, gone: None,
            ),
            other=SimpleNamespace(
                establish=lambda term: None, carry=lambda term, revision, workers: None
            ),
        )
        return Engine(
            SimpleNamespace(name_subleader=lambda fence, worker_id: None),
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            parts.planner,
            parts.other,
            assigner,
            parts.reaper,
            parts.pinger,
            parts.other,
            parts.other,
            lambda term: None,
        )

    def live(self) -> list[WorkerView]:
        return self.workers

    def expect_timeline(self, timeline: int) -> None:
        self.expected.append(timeline)

    def agenda(self) -> Agenda:
        return Agenda(retries=False, requests=False, cancels=False, next_fire_at=None)

    def waiting(self, until: Any, limit: int, *, heads: int) -> list[Any]:
        return [SimpleNamespace(run_id="run-1", reason=self.reason)]

    def wait(self, fence: Any, runs: Any) -> None:
        self.waits.extend(runs)

    def _assign(self, term: Term, workers: Any, *, paused: bool) -> float:
        self.called.append("assign")
        return 60.0

    def _plan(self, term: Term, agenda: Agenda) -> float:
        self.called.append("plan")
        return 60.0

    def _reap(self, term: Term, now: float, workers: Any, *, sweep: bool) -> float:
        self.swept.append(sweep)
        return now + 1.0

    def _watch(self, addresses: dict[str, str]) -> None:
        self.pinged = sorted(addresses)


def view_of(name: str, replayed: int, age: float = 0.0) -> WorkerView:
    own = replace(facts(name), grpc_address=f"{name}:1")
    at = NOON + timedelta(seconds=int(name[2:]))
    live = (LeaseState.LIVE, DesiredMode.ACTIVE)
    return WorkerView(own, *live, False, at, age, 0, replayed_timeline=replayed)


@pytest.fixture
def leader() -> Any:
    """An engine in office on timeline 2, with ``recorder``, ``tick()`` and ``term``."""
    clock, recorder = FakeClock(), Recorder()
    row = ClusterRow(clock)
    row.timeline = 2
    term = Term(2, uuid4(), "w-1", clock.at, 10.0)
    engine = recorder.engine(clock)
    engine.establish(term, None)

    def tick(seconds: float = 0.0) -> float:
        clock.at += seconds
        return engine.tick(term, row.view(), clock.at)

    return SimpleNamespace(recorder=recorder, tick=tick, term=term, clock=clock)


def test_a_leader_plans_assigns_and_sweeps_nothing_while_a_worker_is_behind(leader):
    leader.recorder.workers = [view_of("w-1", 2), view_of("w-2", 1)]
    again_at = leader.tick()
    assert leader.recorder.called == []
    assert leader.recorder.swept == [False]
    assert again_at == pytest.approx(leader.clock.at + 0.2)
    (wait,) = leader.recorder.waits
    assert wait[1] is Reason.WAIT_REPLAY
    assert "w-2" in wait[2]


def test_why_a_run_waits_is_written_once(leader):
    leader.recorder.workers = [view_of("w-2", 1)]
    leader.recorder.reason = Reason.WAIT_REPLAY
    leader.tick()
    assert leader.recorder.waits == []


def test_what_waits_is_read_once_a_second_while_workers_are_awaited(leader):
    leader.recorder.workers = [view_of("w-2", 1)]
    for _ in range(11):
        leader.tick(0.2)
    assert len(leader.recorder.waits) == 3


def test_a_leader_works_as_soon_as_all_live_workers_have_replayed(leader):
    leader.recorder.workers = [view_of("w-2", 1)]
    leader.tick()
    leader.recorder.workers = [view_of("w-2", 2)]
    leader.tick(0.2)
    assert leader.recorder.called == ["plan", "assign"]
    assert leader.recorder.swept == [False, True]


def test_a_worker_that_is_lost_is_awaited_no_longer(leader):
    leader.recorder.workers = [view_of("w-2", 1)]
    leader.tick()
    leader.recorder.workers = []
    leader.tick(0.2)
    assert leader.recorder.called == ["plan", "assign"]


def test_a_leader_holds_still_until_the_fail_over_has_settled(leader):
    leader.recorder.workers = [view_of("w-2", 2)]
    leader.term.quiet_until = leader.clock.at + 3.0
    leader.tick()
    assert leader.recorder.called == []
    leader.tick(3.0)
    assert leader.recorder.called == ["plan", "assign"]


def test_a_leader_writes_on_its_own_timeline_only(leader):
    leader.recorder.workers = [view_of("w-2", 1)]
    leader.tick()
    assert leader.recorder.expected == [2, 2]


def test_a_worker_that_cannot_replay_is_pinged_no_more_when_its_row_is_old(leader):
    leader.recorder.workers = [view_of("w-1", 2, 60.0), view_of("w-2", 1, 60.0), view_of("w-3", 1)]
    leader.tick()
    assert leader.recorder.pinged == ["w-1", "w-3"]


class Witness(RecordingDuties):
    """Writes down on which timelines each term worked."""

    def __init__(self, seen: set[tuple[int, int]]) -> None:
        super().__init__()
        self.seen = seen

    def tick(self, term: Term, view: ClusterView, now: float) -> float:
        self.seen.add((term.epoch, view.timeline))
        return now + 0.1


def test_no_duty_is_done_by_a_term_that_sees_another_timeline(monkeypatch):
    seen: set[tuple[int, int]] = set()
    monkeypatch.setattr(elections, "RecordingDuties", lambda: Witness(seen))
    election = Election()
    election.pass_time(2.0)
    election.row.timeline = 2
    election.pass_time(3.0)
    assert seen == {(1, 1), (2, 2)}


def quiet_until(election: Election) -> float:
    (leader,) = election.leaders()
    term = election[leader].leadership.term
    assert term is not None
    return term.quiet_until


def test_the_term_after_a_fail_over_is_quiet_for_three_heartbeats():
    election = Election()
    election.pass_time(2.0)
    assert quiet_until(election) == 0.0
    election.row.timeline = 2
    seen_at = election.clock.at
    election.pass_time(3.0)
    assert seen_at + 3.0 <= quiet_until(election) <= seen_at + 3.0 + 1.2
