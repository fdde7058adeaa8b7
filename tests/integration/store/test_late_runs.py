"""Whoever asks which runs are late gets one answer: monitoring's figure and the notices agree."""

from datetime import timedelta

import pytest

from scheduler.domain.lateness import HELD_ON_PURPOSE, LACKING
from scheduler.domain.values import Reason
from scheduler.models import JobRun
from scheduler.queries.clock import cluster_now
from scheduler.queries.open_runs import open_runs
from scheduler.queries.run_facts import runs_not_started

LATE = ["", Reason.REASSIGNED, Reason.WORKER_LOST, *sorted(LACKING)]


def due_an_hour_ago(world, reason):
    now = cluster_now()
    runs = world.plan(world.define(), 1)
    due_at = now - timedelta(hours=1)
    assert JobRun.objects.filter(pk__in=runs).update(due_at=due_at, reason=reason) == 1
    return now


@pytest.mark.parametrize("reason", LATE)
def test_what_waits_for_something_that_is_missing_is_late_to_all(world, reason):
    now = due_an_hour_ago(world, reason)
    assert open_runs().latest_seconds >= 3600
    assert len(runs_not_started(now)) == 1


@pytest.mark.parametrize("reason", sorted(HELD_ON_PURPOSE))
def test_what_waits_since_somebody_asked_for_it_is_late_to_nobody(world, reason):
    now = due_an_hour_ago(world, reason)
    assert open_runs().latest_seconds == 0
    assert runs_not_started(now) == []
