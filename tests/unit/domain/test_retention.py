"""What may be purged, and what is kept whatever its age."""

from datetime import timedelta

import pytest

from scheduler.domain.errors import InvalidSetting
from scheduler.domain.retention import RetentionDays, cutoffs, is_older, may_purge_run
from scheduler.domain.values import FINISHED_STATES, OPEN_STATES, RunState
from tests.unit.domain.builders import NOW

LONG_AGO = NOW - timedelta(days=1000)


def test_each_kind_of_history_has_its_own_cutoff():
    found = cutoffs(RetentionDays(runs=90, logs=30, events=7, audit=365), NOW)
    assert found.runs == NOW - timedelta(days=90)
    assert found.logs == NOW - timedelta(days=30)
    assert found.events == NOW - timedelta(days=7)
    assert found.audit == NOW - timedelta(days=365)


def test_history_without_a_limit_is_kept_for_ever():
    assert cutoffs(RetentionDays(runs=None), NOW).runs is None
    assert not is_older(LONG_AGO, None)


@pytest.mark.parametrize("days", [0, -1])
def test_less_than_a_day_is_refused(days):
    with pytest.raises(InvalidSetting, match="retention days of logs"):
        cutoffs(RetentionDays(logs=days), NOW)


@pytest.mark.parametrize("state", sorted(FINISHED_STATES))
def test_an_old_finished_run_may_go(state):
    assert may_purge_run(state, LONG_AGO, None, cutoff=NOW)


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_an_open_run_is_kept_whatever_its_age(state):
    assert not may_purge_run(state, LONG_AGO, None, cutoff=NOW)


def test_a_run_that_still_owes_a_retry_is_kept():
    assert not may_purge_run(RunState.FAILED, LONG_AGO, retry_due_at=NOW, cutoff=NOW)


def test_what_happened_at_the_cutoff_itself_is_kept():
    assert not is_older(NOW, NOW)
    assert is_older(NOW - timedelta(microseconds=1), NOW)


def test_a_run_that_never_ended_on_record_is_kept():
    assert not may_purge_run(RunState.SKIPPED, None, None, cutoff=NOW)
