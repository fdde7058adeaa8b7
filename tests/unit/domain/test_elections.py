"""Who succeeds, who takes over when, and until when a leader trusts itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.elections import (
    BeatWatch,
    Cause,
    ElectionTimings,
    Observation,
    Trust,
    flaps_after,
    hold_off_seconds,
    next_epoch,
    rank_of,
    should_take_over,
    subleader_of,
    successors,
)
from scheduler.domain.values import DesiredMode, LeaseState
from tests.unit.domain.builders import NOW, cluster_view, seconds, worker_view

TIMINGS = ElectionTimings(
    leader_stale_seconds=4.0, still_seconds=0.5, rank_step_seconds=1.0, look_again_seconds=0.25
)
READ_AT = 1000.0
LEADER = worker_view("w-leader", node_id="node-a", registered_at=NOW)


def younger(worker_id, age, **changes):
    return worker_view(worker_id, registered_at=NOW + seconds(age), **changes)


# ---------------------------------------------------------------------------------- succession


def test_the_subleader_is_on_another_node_than_the_leader():
    neighbour = younger("w-old", 1, node_id="node-a")
    elsewhere = younger("w-young", 2, node_id="node-b")
    assert subleader_of([LEADER, neighbour, elsewhere], "w-leader") == "w-young"


def test_among_equals_the_oldest_succeeds():
    workers = [younger("w-2", 2, node_id="node-b"), younger("w-1", 1, node_id="node-b"), LEADER]
    assert successors(workers, "w-leader") == ["w-1", "w-2"]


def test_workers_of_the_same_age_are_ordered_by_id_so_that_all_agree():
    workers = [younger("w-b", 1), younger("w-a", 1), LEADER]
    assert successors(workers, "w-leader") == successors(workers[::-1], "w-leader")


def test_a_worker_in_doubt_succeeds_only_after_the_others():
    suspect = younger("w-1", 1, node_id="node-b", suspect=True)
    sound = younger("w-2", 2, node_id="node-a")
    assert successors([LEADER, suspect, sound], "w-leader") == ["w-2", "w-1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"desired": DesiredMode.DRAINING},
        {"desired": DesiredMode.DETACHED},
        {"state": LeaseState.LOST},
        {"state": LeaseState.LEFT},
    ],
)
def test_a_worker_on_its_way_out_does_not_stand(changes):
    leaving = younger("w-1", 1, **changes)
    assert subleader_of([LEADER, leaving], "w-leader") is None
    assert rank_of("w-1", [LEADER, leaving], cluster_view()) is None


def test_a_leader_alone_has_no_subleader():
    assert subleader_of([LEADER], "w-leader") is None


def test_the_subleader_on_record_acts_first_even_where_another_would_be_preferred():
    workers = [LEADER, younger("w-1", 1, node_id="node-b"), younger("w-2", 2)]
    cluster = cluster_view(subleader_worker_id="w-2")
    assert rank_of("w-2", workers, cluster) == 0
    assert rank_of("w-1", workers, cluster) == 1


def test_a_degraded_leader_is_the_last_to_take_over_again():
    workers = [LEADER, younger("w-1", 1), younger("w-2", 2)]
    assert rank_of("w-leader", workers, cluster_view()) == 2


def test_a_degraded_leader_that_is_alone_may_lead_again():
    assert rank_of("w-leader", [LEADER], cluster_view(subleader_worker_id=None)) == 0


# ----------------------------------------------------------------------------------- take-over


def decide(rank=0, now=READ_AT, refused=False, still=0.0, **cluster):
    beats = BeatWatch(7, READ_AT - still, READ_AT)
    seen = Observation(cluster_view(**cluster), READ_AT, refused, beats)
    return should_take_over(seen, rank, TIMINGS, now)


def test_a_healthy_leader_is_left_alone():
    decision = decide()
    assert not decision.bump
    assert decision.wait_until == READ_AT + 0.25


def test_the_first_leader_needs_no_waiting():
    first = decide(rank=5, term_id=None, epoch=0, leader_seen_age_seconds=None)
    assert first.cause is Cause.FIRST


def test_a_graceful_hand_over_is_taken_at_once_by_the_subleader():
    assert decide(rank=0, released=True, leader_seen_age_seconds=0.0).cause is Cause.RELEASED


def test_other_workers_leave_the_subleader_a_second_to_take_over():
    assert not decide(rank=1, released=True, leader_seen_age_seconds=0.9).bump
    assert decide(rank=1, released=True, leader_seen_age_seconds=1.0).cause is Cause.RELEASED


def test_a_leader_that_refuses_and_beats_no_more_is_replaced_within_half_a_second():
    assert decide(refused=True, still=0.5).cause is Cause.REFUSED


def test_a_refused_connection_alone_proves_nothing():
    assert not decide(refused=True, still=0.49).bump


def test_a_counter_that_stands_still_alone_proves_nothing():
    assert not decide(refused=False, still=3.9).bump


def test_a_silent_leader_is_replaced_when_it_is_stale_and_not_before():
    assert not decide(leader_seen_age_seconds=4.0).bump
    assert decide(leader_seen_age_seconds=4.01).cause is Cause.SILENT


def test_without_redis_only_the_silence_in_the_database_counts():
    seen = Observation(cluster_view(leader_seen_age_seconds=3.0), READ_AT, True, BeatWatch())
    assert not should_take_over(seen, 0, TIMINGS, READ_AT + 100).bump


def test_the_others_take_over_from_a_silent_leader_later_one_by_one():
    assert not decide(rank=2, leader_seen_age_seconds=6.0).bump
    assert decide(rank=2, leader_seen_age_seconds=6.01).cause is Cause.SILENT


def test_my_own_blindness_is_not_the_leaders_silence():
    """The last reading is old, because I am cut off: what it showed was a healthy leader."""
    assert not decide(now=READ_AT + 3600.0, leader_seen_age_seconds=0.5).bump


def test_a_worker_that_does_not_stand_never_takes_over():
    assert not decide(rank=None, leader_seen_age_seconds=100.0).bump
    assert not decide(rank=None, term_id=None).bump


def test_a_term_that_never_renewed_counts_from_its_start():
    young = decide(leader_seen_age_seconds=None, term_age_seconds=1.0)
    old = decide(leader_seen_age_seconds=None, term_age_seconds=4.1)
    assert not young.bump
    assert old.cause is Cause.SILENT


def test_a_term_without_any_sign_of_its_leader_is_silent():
    assert decide(leader_seen_age_seconds=None, term_age_seconds=None).cause is Cause.SILENT


# ------------------------------------------------------------------------------------ the watch


def test_a_single_look_at_the_counter_shows_no_standstill():
    assert BeatWatch().saw(("w", 1), 100.0).still_for_seconds == 0.0


def test_two_looks_at_the_same_beat_show_how_long_it_stood():
    assert BeatWatch().saw(1, 100.0).saw(1, 100.3).saw(1, 100.6).still_for_seconds == (
        pytest.approx(0.6)
    )


def test_a_new_beat_starts_the_watch_again():
    assert BeatWatch().saw(1, 100.0).saw(1, 100.4).saw(2, 100.6).still_for_seconds == 0.0


def test_time_in_which_nobody_looked_is_no_standstill():
    assert BeatWatch().saw(1, 100.0).still_for_seconds == 0.0


# ------------------------------------------------------------------------------------- hold-off


def test_the_first_take_over_is_never_held_off():
    assert hold_off_seconds(0) == 0.0


def test_hold_off_doubles_with_each_flap_up_to_a_minute():
    assert [hold_off_seconds(n) for n in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 8.0]
    assert hold_off_seconds(10**9) == 60.0


def test_a_flapping_cluster_waits_before_it_takes_over_again():
    decision = decide(refused=True, still=1.0, flaps=3, term_age_seconds=1.0)
    assert not decision.bump
    assert decision.wait_until == READ_AT + 3.0
    later = decide(now=READ_AT + 3.0, refused=True, still=1.0, flaps=3, term_age_seconds=1.0)
    assert later.cause is Cause.REFUSED


def test_a_graceful_hand_over_is_never_held_off():
    assert decide(released=True, flaps=6, term_age_seconds=0.1).cause is Cause.RELEASED


def test_a_term_cut_short_counts_as_a_flap():
    assert flaps_after(cluster_view(flaps=1, term_age_seconds=5.0)) == 2


def test_a_healthy_term_clears_the_flaps():
    assert flaps_after(cluster_view(flaps=5, term_age_seconds=60.0)) == 0


def test_a_graceful_release_is_no_flap():
    assert flaps_after(cluster_view(flaps=1, term_age_seconds=5.0, released=True)) == 1


def test_the_first_term_follows_no_flap():
    assert flaps_after(cluster_view(term_id=None, term_age_seconds=None)) == 0


# --------------------------------------------------------------------------------------- epochs


@given(st.integers(0, 10**9), st.none() | st.integers(0, 10**9), st.none() | st.integers(0, 10**9))
def test_a_new_epoch_is_above_all_that_was_ever_seen(rdb, mirror, newest):
    epoch = next_epoch(rdb, mirror, newest)
    assert epoch > max(rdb, mirror or 0, newest or 0)


# ---------------------------------------------------------------------------------------- trust


def test_trust_counts_from_the_question_and_ends_a_margin_early():
    trust = Trust.since(asked_at=100.0, trust_seconds=4.0, margin_seconds=1.0)
    assert trust.holds(102.9)
    assert not trust.holds(103.0)


def test_a_late_answer_never_shortens_trust():
    trust = Trust.since(100.0, 4.0, 1.0)
    assert trust.renewed(99.0, 4.0, 1.0) == trust
    assert trust.renewed(101.0, 4.0, 1.0).until == 104.0
