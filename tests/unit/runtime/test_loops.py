"""What a loop says of itself while its step goes on, between steps, and when its thread is gone."""

from threading import Event

import pytest

from scheduler.runtime.supervisor import Loop


class SteppedClock:
    """A boot time that the test sets."""

    def __init__(self):
        self.now = 100.0

    def boottime(self):
        return self.now


class Rest(Event):
    """A loop's wake that tells when the loop rests."""

    def __init__(self):
        super().__init__()
        self.begun = Event()

    def wait(self, timeout=None):
        self.begun.set()
        return super().wait(timeout)


@pytest.fixture
def clock():
    return SteppedClock()


def test_a_step_that_goes_on_is_busy_for_as_long_as_it_takes(clock):
    inside, go_on = Event(), Event()

    def tick(now):
        inside.set()
        go_on.wait(10)
        return now + 1000

    loop = Loop("lease", tick, clock)
    loop.start()
    assert inside.wait(10)
    clock.now += 130
    pulse = loop.pulse()
    go_on.set()
    assert loop.end()
    assert (pulse.name, pulse.busy_seconds, pulse.dead) == ("lease", 130.0, False)


def test_between_two_steps_a_loop_is_not_busy(clock):
    waiting = Rest()
    loop = Loop("lease", lambda now: now + 1000, clock, waiting)
    loop.start()
    assert waiting.begun.wait(10)
    clock.now += 500
    assert loop.pulse().busy_seconds == 0.0
    loop.end()


def test_a_failed_step_leaves_a_loop_alive_and_not_busy(clock):
    waiting = Rest()

    def tick(now):
        raise RuntimeError("as the test wants it")

    loop = Loop("lease", tick, clock, waiting)
    loop.start()
    assert waiting.begun.wait(10)
    pulse = loop.pulse()
    loop.end()
    assert (pulse.busy_seconds, pulse.dead) == (0.0, False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_whose_thread_ended_unasked_is_dead(clock):
    def tick(now):
        raise SystemExit

    loop = Loop("agent", tick, clock)
    loop.start()
    loop._thread.join(10)
    assert loop.pulse().dead


def test_a_loop_that_has_not_begun_or_was_asked_to_end_is_not_dead(clock):
    loop = Loop("agent", lambda now: now, clock)
    assert not loop.pulse().dead
    loop.start()
    assert loop.end()
    assert not loop.pulse().dead
