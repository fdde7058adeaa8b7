"""Cluster time is the RDB's, whatever the wall clock of this machine says."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.runtime import clock as clock_module
from scheduler.runtime.clock import FORGET_SECONDS, SystemClock

TRUE_TIME = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)


class WrongClock(SystemClock):
    """A machine whose wall clock is so far off; its boottime is set by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
        class Wrong(datetime):
            @classmethod
            def now(cls, tz=None):
                return TRUE_TIME + off

        self.booted = 1000.0
        monkeypatch.setattr(clock_module, "datetime", Wrong)
        super().__init__()

    def boottime(self) -> float:
        return self.booted


@pytest.fixture(params=[timedelta(minutes=-7), timedelta(), timedelta(minutes=9)])
def clock(request, monkeypatch):
    return WrongClock(monkeypatch, request.param)


def test_the_rdbs_time_counts_whatever_the_wall_clock_says(clock):
    clock.observe(TRUE_TIME, asked_at=1000.0, answered_at=1000.0)
    clock.booted = 1060.0
    assert clock.now() == TRUE_TIME + timedelta(seconds=60)


def test_an_answer_is_wrong_by_at_most_half_its_round_trip(clock):
    clock.observe(TRUE_TIME, asked_at=1000.0, answered_at=1002.0)
    clock.booted = 1002.0
    assert abs(clock.now() - (TRUE_TIME + timedelta(seconds=1))) <= timedelta(seconds=1)


def test_a_slower_answer_does_not_spoil_a_faster_one(clock):
    clock.observe(TRUE_TIME, asked_at=1000.0, answered_at=1000.01)
    clock.observe(TRUE_TIME, asked_at=1001.0, answered_at=1009.0)
    clock.booted = 1010.0
    off = abs(clock.now() - (TRUE_TIME + timedelta(seconds=10)))
    assert off <= timedelta(seconds=0.01)


def test_an_old_answer_yields_to_a_slower_new_one(clock):
    clock.observe(TRUE_TIME, asked_at=1000.0, answered_at=1000.01)
    asked_at = 1001.0 + FORGET_SECONDS
    later = TRUE_TIME + timedelta(hours=1)
    clock.observe(later, asked_at, asked_at + 1.0)
    clock.booted = asked_at + 1.0
    assert abs(clock.now() - later) <= timedelta(seconds=1)
