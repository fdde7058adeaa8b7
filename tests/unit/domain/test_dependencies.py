"""The table of domain.dependencies, case by case, and what holds for all of them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain import lineage
from scheduler.domain.assignment import AssignmentPolicies, assign
from scheduler.domain.dependencies import (
    Link,
    Outcome,
    SlotRun,
    Upstream,
    asks,
    held,
    links_asked,
    newest_root,
    of_the_slot,
    outcome,
    roots_wanted,
    slot_order,
)
from scheduler.domain.dependency_graph import Match, OnFailure
from scheduler.domain.followers import Ended, asked_of, triggered
from scheduler.domain.planning import slot_key
from scheduler.domain.values import FINISHED_STATES, Reason, RunState
from tests.unit.domain.builders import NOW, Waiting, place, run_id, seconds

MINE = Waiting(run_id=run_id(9), definition_id=2, depends=True)
A, B = 1, 3
T = slot_key(NOW)


def link(upstream: int = A, **changes) -> Link:
    values: dict[str, Any] = {"match": Match.SAME_SLOT, "on_failure": OnFailure.SKIP} | changes
    return Link(2, upstream, f"job-{upstream}", **values)


def run_of(upstream: int = A, state=RunState.SUCCEEDED, **changes) -> SlotRun:
    values: dict[str, Any] = {
        "run_id": run_id(50),
        "slot_key": T,
        "attempt": 1,
        "scheduled_for": NOW,
    } | changes
    return SlotRun(definition_id=upstream, state=state, **values)


def verdict(of: Link, *runs: SlotRun, now: datetime = NOW, run: Waiting = MINE) -> Any:
    """Held, or None."""
    return held(run, [Upstream(of, runs)], now)


class TestTheOutcomeOfASlot:
    def test_is_missing_without_a_run(self):
        assert outcome([]) == (Outcome.MISSING, None)

    @pytest.mark.parametrize("state", [s for s in RunState if s not in FINISHED_STATES])
    def test_is_open_while_a_run_is(self, state):
        assert outcome([run_of(state=state)])[0] is Outcome.OPEN

    @pytest.mark.parametrize("state", sorted(FINISHED_STATES - {RunState.SUCCEEDED}))
    def test_is_a_failure_for_each_other_end(self, state):
        assert outcome([run_of(state=state)])[0] is Outcome.FAILED

    def test_is_open_while_a_retry_is_due(self):
        assert outcome([run_of(state=RunState.FAILED, retry_due=True)])[0] is Outcome.OPEN

    def test_is_that_of_the_last_attempt(self):
        first = run_of(state=RunState.FAILED)
        second = run_of(state=RunState.RUNNING, attempt=2, run_id=run_id(51))
        assert outcome([second, first]) == (Outcome.OPEN, second)

    def test_is_success_where_it_was_made_again_with_success(self):
        again = lineage.again_key(T, uuid4())
        runs = [run_of(state=RunState.FAILED), run_of(slot_key=again, run_id=run_id(51))]
        assert outcome(runs) == (Outcome.SUCCEEDED, runs[1])

    def test_is_open_while_it_is_made_again(self):
        again = run_of(
            state=RunState.RUNNING,
            slot_key=lineage.again_key(T, uuid4()),
            run_id=run_id(51),
        )
        assert outcome([run_of(state=RunState.FAILED), again])[0] is Outcome.OPEN


FREE, SKIPS, WAITS = None, Reason.UPSTREAM_FAILED, Reason.WAIT_UPSTREAM


class TestAWaitingRun:
    @pytest.mark.parametrize(
        ("state", "by_policy"),
        [
            (RunState.SUCCEEDED, (FREE, FREE, FREE)),
            (RunState.RUNNING, (WAITS, WAITS, WAITS)),
            (RunState.FAILED, (SKIPS, WAITS, FREE)),
            (RunState.SKIPPED, (SKIPS, WAITS, FREE)),
            (RunState.CANCELED, (SKIPS, WAITS, FREE)),
            (RunState.ORPHANED, (SKIPS, WAITS, FREE)),
            (None, (WAITS, WAITS, WAITS)),
        ],
    )
    def test_does_as_the_table_says(self, state, by_policy):
        runs = [] if state is None else [run_of(state=state)]
        for policy, reason in zip(OnFailure, by_policy, strict=True):
            found = verdict(link(on_failure=policy), *runs)
            assert (found.reason if found else None) is reason, policy

    @pytest.mark.parametrize("change", [{"planned_until": NOW}, {"active": False}])
    def test_takes_a_slot_that_will_not_come_for_a_failure(self, change):
        for policy, reason in zip(OnFailure, (SKIPS, WAITS, FREE), strict=True):
            found = verdict(link(on_failure=policy, **change))
            assert (found.reason if found else None) is reason

    def test_waits_for_a_slot_that_is_not_planned_yet(self):
        assert verdict(link(planned_until=NOW - seconds(1))).reason is WAITS

    def test_names_its_upstream_its_slot_and_how_that_stands(self):
        found = verdict(link(), run_of(state=RunState.FAILED, retry_due=True))
        assert found.detail == (
            "upstream 'job-1', slot 2026-11-23T06:00:00Z: FAILED, to be tried again "
            f"(run {run_id(50)})"
        )
        assert found.run_id == run_id(50)

    def test_waits_no_longer_than_it_may(self):
        of = link(max_wait_seconds=60)
        waiting = verdict(of, run_of(state=RunState.RUNNING), now=NOW + seconds(59))
        assert (waiting.reason, waiting.until) == (WAITS, NOW + seconds(60))
        over = verdict(of, run_of(state=RunState.RUNNING), now=NOW + seconds(60))
        assert over.reason is Reason.SKIP_LATE
        failed = link(max_wait_seconds=60, on_failure=OnFailure.WAIT)
        over = verdict(failed, run_of(state=RunState.FAILED), now=NOW + seconds(60))
        assert over.reason is Reason.UPSTREAM_FAILED

    def test_runs_when_it_has_waited_long_where_it_is_to_run_anyway(self):
        of = link(max_wait_seconds=60, on_failure=OnFailure.RUN)
        assert verdict(of, run_of(state=RunState.RUNNING), now=NOW + seconds(60)) is None

    def test_waits_for_all_and_says_how_many(self):
        found = held(MINE, [Upstream(link(A)), Upstream(link(B))], NOW)
        assert found is not None
        assert found.detail.endswith("; and 1 more")

    def test_is_skipped_for_one_though_it_waits_for_another(self):
        failed = Upstream(link(B), (run_of(B, RunState.FAILED),))
        found = held(MINE, [Upstream(link(A)), failed], NOW)
        assert found is not None
        assert found.reason is SKIPS

    def test_takes_the_latest_for_none_where_it_is_too_old(self):
        of = link(match=Match.LATEST, max_age_seconds=60)
        old = run_of(scheduled_for=NOW - seconds(61))
        assert verdict(of, old).reason is WAITS
        assert verdict(of, run_of(scheduled_for=NOW - seconds(60))) is None


class TestWhoAsks:
    def test_a_first_attempt_of_a_job_that_depends(self):
        assert asks(MINE)
        assert asks(MINE, Reason.WAIT_UPSTREAM)
        assert asks(MINE, Reason.WAIT_REPLAY)

    def test_nobody_who_was_free_before(self):
        assert not asks(MINE, Reason.WAIT_CAPACITY)
        assert not asks(Waiting(depends=True, attempt=2))

    def test_nobody_without_dependencies_or_asked_for_by_hand(self):
        assert not asks(Waiting())
        assert not asks(Waiting(depends=True, slot_key="m:1"))
        assert asks(Waiting(depends=True, slot_key="d:m:1"))

    def test_a_run_made_by_an_event_asks_for_the_latest_alone(self):
        latest = link(B, match=Match.LATEST)
        by_event = Waiting(depends=True, slot_key="e:7")
        assert links_asked(by_event, [link(), latest]) == [latest]
        assert links_asked(MINE, [link(), latest]) == [link(), latest]


class TestWhichSlot:
    @pytest.mark.parametrize("key", [T, "e:8", "m:9", "b:7:2026-11-23T06:00:00Z"])
    def test_is_the_root_which_a_chain_and_a_run_made_again_keep(self, key):
        assert lineage.root_of(key) == key
        triggered_one = lineage.triggered_key(key)
        again = lineage.again_key(triggered_one, UUID(int=5))
        assert lineage.root_of(triggered_one) == key
        assert lineage.root_of(again) == key
        assert lineage.root_of(lineage.again_key(again, UUID(int=6))) == key

    def test_of_a_backfill_is_that_backfills_else_the_timed_one(self):
        mine = Waiting(slot_key="b:7:2026-11-23T06:00:00Z")
        roots = roots_wanted(mine)
        own = run_of(slot_key=mine.slot_key, state=RunState.RUNNING)
        assert of_the_slot(roots, [run_of(), own]) == (own,)
        assert of_the_slot(roots, [run_of()]) == (run_of(),)

    def test_that_is_the_latest_is_the_newest_at_or_before_mine(self):
        instants = [NOW - seconds(60), NOW, NOW + seconds(60)]
        runs = [run_of(slot_key=slot_key(at), scheduled_for=at) for at in instants]
        ordered = sorted(runs, key=slot_order)
        assert newest_root(ordered, NOW + seconds(1)) == (T,)
        assert newest_root(ordered, NOW - seconds(61)) == ()

    @given(st.datetimes(datetime(2030, 1, 1), datetime(2030, 12, 31)), st.integers(0, 10**6))
    def test_keys_of_slots_sort_as_their_instants(self, at, later):
        first = at.replace(microsecond=0, tzinfo=NOW.tzinfo)
        second = first + timedelta(seconds=later)
        timed, *_ = lineage.ranges_until(1, second + timedelta(milliseconds=500))
        assert timed.low < slot_key(first) <= timed.high
        assert slot_key(second + timedelta(seconds=1)) > timed.high


class TestTriggers:
    END = Ended(run_id(50), A, T, NOW)

    def test_a_single_upstream_triggers(self):
        found = triggered([self.END], [link()], {(A, T): [run_of()]})
        assert [(each.definition_id, each.root, each.scheduled_for) for each in found] == [
            (2, T, NOW)
        ]

    def test_all_of_the_same_slot_must_have_ended(self):
        links = [link(A), link(B)]
        assert asked_of([self.END], links) == {(A, T), (B, T)}
        runs = {(A, T): [run_of()], (B, T): [run_of(B, RunState.RUNNING)]}
        assert triggered([self.END], links, runs) == []
        runs[B, T] = [run_of(B, RunState.FAILED)]
        assert len(triggered([self.END, Ended(run_id(51), B, T, NOW)], links, runs)) == 1

    def test_a_latest_one_triggers_only_where_there_are_no_others(self):
        latest = link(A, match=Match.LATEST)
        runs = {(A, T): [run_of()]}
        assert len(triggered([self.END], [latest], runs)) == 1
        assert triggered([self.END], [latest, link(B)], runs) == []

    def test_a_backfill_triggers_nothing(self):
        end = Ended(run_id(50), A, "b:7:2026-11-23T06:00:00Z", NOW)
        assert asked_of([end], [link()]) == set()
        assert triggered([end], [link()], {}) == []

    def test_one_made_again_is_of_the_first_ones_slot(self):
        again = lineage.again_key(T, uuid4())
        end = Ended(run_id(51), A, again, NOW + seconds(90))
        runs = [
            run_of(state=RunState.FAILED),
            run_of(slot_key=again, run_id=run_id(51), scheduled_for=NOW + seconds(90)),
        ]
        (found,) = triggered([end], [link()], {(A, T): runs})
        assert (found.root, found.scheduled_for) == (T, NOW)


STATES = st.sampled_from(sorted(RunState))
RUNS = st.lists(
    st.builds(
        run_of,
        state=STATES,
        attempt=st.integers(1, 3),
        retry_due=st.booleans(),
        run_id=st.uuids(),
    ),
    max_size=4,
)
LINKS = st.builds(
    link,
    on_failure=st.sampled_from(OnFailure),
    max_wait_seconds=st.none() | st.integers(1, 100),
    active=st.booleans(),
    planned_until=st.none() | st.sampled_from([NOW - seconds(1), NOW]),
)
UPSTREAMS = st.lists(st.builds(lambda of, runs: Upstream(of, tuple(runs)), LINKS, RUNS), max_size=4)


class TestForAllUpstreams:
    @given(UPSTREAMS, st.integers(0, 200))
    def test_a_run_starts_only_after_each_has_succeeded_or_its_policy_says_so(self, ups, late):
        if held(MINE, ups, NOW + seconds(late)) is None:
            for up in ups:
                succeeded = any(run.state is RunState.SUCCEEDED for run in up.runs)
                assert succeeded or up.link.on_failure is OnFailure.RUN

    @given(UPSTREAMS, st.integers(0, 200))
    def test_the_order_of_the_upstreams_decides_nothing_but_whom_it_names(self, ups, late):
        now = NOW + seconds(late)
        one, other = held(MINE, ups, now), held(MINE, list(reversed(ups)), now)
        assert (one is None) == (other is None)
        assert one is None or other is None or one.waits == other.waits

    @given(UPSTREAMS)
    def test_what_waits_with_a_limit_waits_no_more_when_that_is_over(self, ups):
        found = held(MINE, ups, NOW)
        if found is not None and found.until is not None:
            later = held(MINE, ups, found.until)
            assert later is None or not later.waits or later.until != found.until

    @given(UPSTREAMS)
    def test_all_have_succeeded_then_it_is_free(self, ups):
        done = [Upstream(up.link, (*up.runs, run_of(run_id=run_id(99)))) for up in ups]
        assert held(MINE, done, NOW) is None


def test_a_run_that_depends_is_not_late_by_the_clusters_default():
    late = NOW + seconds(3600)
    answer = assign([MINE], [], [place()], late, AssignmentPolicies())
    assert [run for run, _ in answer.assigned] == [MINE.run_id]
    own = Waiting(run_id=run_id(9), depends=True, skip_late_after_seconds=60)
    answer = assign(
        [own], [], [place()], late, AssignmentPolicies(), upstreams={own.run_id: [Upstream(link())]}
    )
    assert answer.skipped[0][1] is Reason.SKIP_LATE
    assert "still waited: upstream 'job-1'" in answer.skipped[0][2]
