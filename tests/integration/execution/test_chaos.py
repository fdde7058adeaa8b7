"""Kills at any moment, from a seed: no end is lost and none is told twice."""

import os
import signal
from collections import Counter
from contextlib import suppress
from random import Random

import pytest

from scheduler.domain.values import ForkServerLost, ProcessStarted
from tests.integration.execution.jobs import eventually, spec_of

COMMANDS = [("noop",), ("say", "x"), ("nap", "--seconds=0.2"), ("no_such",)]
ROUNDS, MOST_RUNS = 12, 12


@pytest.mark.parametrize("seed", [1, 2])
def test_every_run_ends_exactly_once_whatever_is_killed(strong_jobs, seed):
    random, host = Random(seed), strong_jobs.host
    host.wait_ready(20)
    told: list = []
    sent: list = []
    for _ in range(ROUNDS):
        specs = [spec_of(strong_jobs.log_dir, *random.choice(COMMANDS)) for _ in range(MOST_RUNS)]
        host.launch(specs)
        sent += [spec.run_id for spec in specs]
        told += host.events(random.uniform(0, 0.2))
        victim = random.choice([None, host.server_pid, host.launcher_pid, "cancel"])
        if victim == "cancel":
            host.cancel([spec.run_id for spec in specs[:3]])
        elif victim in strong_jobs.processes():
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)

    def all_ended():
        told.extend(host.events(0.1))
        return not host.running()

    eventually(all_ended, "every run has ended", 60)
    assert ends_of(told) == Counter(sent)
    assert strong_jobs.runs_alive() == set()


def ends_of(events):
    ends = Counter()
    for event in events:
        if isinstance(event, ForkServerLost):
            ends.update(event.run_ids)
        elif not isinstance(event, ProcessStarted):
            ends[event.run_id] += 1
    return ends
