"""Who leads, and who must not: take-over is fast, a healthy leader is left alone."""

from dataclasses import replace

import pytest

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import Role
from tests.unit.runtime.elections import Election


@pytest.fixture
def election() -> Election:
    """Two workers; w-1 leads, w-2 is the SubLeader."""
    election = Election()
    election.pass_time(0.1)
    election.pass_time(2.0)
    assert election.leaders() == ["w-1"]
    election.row.subleader = "w-2"
    election.pass_time(1.1)
    assert election["w-2"].member.role is Role.SUBLEADER
    return election


def test_a_healthy_leader_is_left_alone_for_ten_minutes(election):
    election.pass_time(600.0, step=0.2)
    assert election.leaders() == ["w-1"]
    assert election.row.epoch == 1


def test_a_killed_leader_is_replaced_within_a_second(election):
    election.kill("w-1")
    assert election.seconds_until_leader("w-2") < 1.0
    assert election["w-2"].duties.gone == ["w-1"]


def test_a_port_that_refuses_is_not_enough_while_the_leader_beats(election):
    election.ports.refusing.add("w-1:1")
    election.pass_time(5.0)
    assert election.leaders() == ["w-1"]


def test_a_beat_that_stands_still_is_not_enough_while_the_port_answers(election):
    election["w-1"].redis.cut = True
    election.pass_time(10.0)
    assert election.leaders() == ["w-1"]


def test_a_paused_leader_is_replaced_when_the_rdb_has_not_seen_it_for_long(election):
    election.pause("w-1")
    waited = election.seconds_until_leader("w-2")
    assert 3.0 < waited <= 5.5


def test_a_leader_cut_from_the_rdb_is_replaced_and_stops_by_itself(election):
    election["w-1"].line.cut = True
    election.seconds_until_leader("w-2")
    election.pass_time(election.config.trust_seconds)
    assert election.leaders() == ["w-2"]
    assert election["w-1"].duties.revoked == 1


def test_a_leader_that_comes_back_from_a_pause_finds_itself_deposed(election):
    election.pause("w-1")
    election.seconds_until_leader("w-2")
    election.resume("w-1")
    election.pass_time(0.3)
    assert election.leaders() == ["w-2"]


def test_a_leader_without_redis_goes_on(election):
    election.redis.away = True
    election.pass_time(30.0)
    assert election.leaders() == ["w-1"]
    assert election.row.epoch == 1


def test_a_leader_killed_while_redis_is_away_is_replaced_by_the_word_of_the_rdb(election):
    election.redis.away = True
    election.pass_time(1.0)
    election.kill("w-1")
    assert election.seconds_until_leader("w-2") <= 5.5


def test_redis_restarted_empty_changes_no_leader_and_the_lock_is_his_again(election):
    election.redis.wipe()
    election.pass_time(5.0)
    assert election.leaders() == ["w-1"]
    assert election.redis.held is not None
    assert election.redis.held.worker_id == "w-1"


def test_a_leader_that_hands_over_is_followed_at_once(election):
    election["w-1"].member.stopping = True
    election["w-1"].leadership.hand_over("stopping")
    election["w-2"].leadership.look_now()
    election.pass_time(0.1)
    election["w-2"].leadership.look_now()
    assert election.seconds_until_leader("w-2") < 0.3


def test_a_degraded_leader_steps_down_and_another_follows(election):
    election.row.degrade = True
    election.seconds_until_leader("w-2", limit=3.0)
    assert election.leaders() == ["w-2"]
    assert not election.row.degrade


def test_a_subleader_that_is_cut_off_takes_over_from_nobody(election):
    election["w-2"].line.cut = True
    election["w-2"].redis.cut = True
    election.ports.refusing.add("w-1:1")
    election.pass_time(30.0)
    assert election.leaders() == ["w-1"]
    assert election.row.epoch == 1


def test_a_fenced_write_that_fails_ends_the_term(election):
    election["w-1"].duties.error = StaleEpoch(1, 2, "w-2")
    election.pass_time(1.1)
    assert election["w-1"].duties.revoked == 1
    assert election["w-1"].member.newest_epoch == 2


def test_a_worker_that_lost_its_lease_stops_leading(election):
    election["w-1"].member.leave()
    election.pass_time(0.3)
    assert election["w-1"].duties.revoked == 1


def test_a_fail_over_of_the_database_ends_the_term(election):
    election.row.timeline = 2
    election.pass_time(7.0)
    assert election.row.epoch == 2


def test_the_epoch_rises_above_what_redis_and_workers_have_seen(election):
    election.redis.mirrored_epoch = 41
    election["w-2"].member.see_epoch(50)
    election.kill("w-1")
    election.seconds_until_leader("w-2")
    assert election.row.epoch == 51


def test_short_terms_in_a_row_are_held_off(election):
    election.row.flaps = 5
    election.row.term_at = election.clock.at
    election.kill("w-1")
    assert election.seconds_until_leader("w-2") > 10.0


def test_of_many_contenders_one_leads():
    election = Election(count=5)
    election.pass_time(5.0)
    assert len(election.leaders()) == 1
    assert election.row.epoch == 1


def test_when_leader_and_subleader_are_gone_the_next_in_line_leads():
    election = Election(count=3)
    election.pass_time(2.0)
    first = election.leaders()[0]
    election.row.subleader = next(w for w in ("w-2", "w-3", "w-1") if w != first)
    election.pass_time(1.1)
    election.kill(first)
    election.kill(election.row.subleader)
    third = ({"w-1", "w-2", "w-3"} - {first, election.row.subleader}).pop()
    assert election.seconds_until_leader(third) < 10.0


def test_trust_moves_with_the_rdb_and_never_with_redis(election):
    term = election["w-1"].leadership.term
    election["w-1"].line.cut = True
    until = term.trust.until
    for _ in range(20):
        election.clock.at += 0.25
        election["w-1"].beater.tick(election.clock.at)
    assert term.trust.until == until


def test_trust_is_fixed_for_a_term_whatever_the_settings_say_later(election):
    election.config = replace(election.config, trust_seconds=300.0)
    election.pass_time(2.0)
    term = election["w-1"].leadership.term
    assert term.trust.until < election.clock.at + 10.0


def test_the_row_keeps_the_longest_trust_that_may_still_be_alive(election):
    election.config = replace(election.config, trust_seconds=5.0)
    election.kill("w-1")
    election.seconds_until_leader("w-2")
    assert election.row.trust_seconds == 10.0


def test_an_answer_to_a_call_of_an_earlier_term_deposes_nobody(election):
    election.row.epoch, election["w-1"].leadership.term.command = (
        5,
        replace(election["w-1"].leadership.term.command, epoch=5),
    )
    election["w-1"].leadership.depose(StaleEpoch(3, 5, "w-1"))
    election.pass_time(1.2)
    assert election["w-1"].leads


def test_a_leader_whose_duties_fail_again_and_again_hands_over():
    election = Election()
    election.seconds_until_leader("w-1")
    election.row.subleader = "w-2"
    election["w-1"].duties.error = KeyError("poison")
    election.seconds_until_leader("w-2", limit=30.0)
    assert election.leaders() == ["w-2"]
    assert election["w-1"].duties.revoked == 1


def test_a_leader_whose_duties_fail_now_and_then_stays():
    election = Election()
    election.seconds_until_leader("w-1")
    epoch, duties = election.row.epoch, election["w-1"].duties
    for _ in range(20):
        duties.error = KeyError("a bad moment")
        election.pass_time(0.1)
        duties.error = None
        election.pass_time(1.1)
    assert (election.leaders(), election.row.epoch) == (["w-1"], epoch)
