"""A call that hangs holds its caller up for its limit at most, and is not made again meanwhile."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from threading import Event, Thread, Timer, active_count
from time import monotonic

import pytest

from scheduler.plugin_api.limits import DidNotAnswer, Limits

LONG = 30.0
SHORT = 0.05


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def gate() -> Iterator[Event]:
    """What a call hangs on; opened at the end, so that no thread is left."""
    gate = Event()
    yield gate
    gate.set()


def abandon(limits: Limits, gate: Event) -> None:
    with pytest.raises(DidNotAnswer, match=r"did not answer within 0\.05 s"):
        limits.call("slow", "hook", gate.wait, SHORT)


def since_of(error: DidNotAnswer) -> datetime:
    assert error.stuck is not None
    return error.stuck.since


def returned(limits: Limits) -> bool:
    deadline = monotonic() + LONG
    while limits.under_way() and monotonic() < deadline:
        Event().wait(0.005)
    return not limits.under_way()


def test_an_answer_in_time_is_the_answer(limits: Limits):
    assert limits.call("quick", "hook", lambda: 7, LONG) == 7
    assert limits.under_way() == ()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_a_call_raises_reaches_its_caller(limits: Limits, error: BaseException):
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        limits.call("quick", "hook", fail, LONG)
    assert raised.value is error
    assert limits.call("quick", "hook", lambda: 7, LONG) == 7


def test_a_call_that_hangs_is_left_behind_at_its_limit(limits: Limits, gate: Event):
    began = monotonic()
    abandon(limits, gate)
    assert SHORT <= monotonic() - began < LONG / 10


def test_while_an_abandoned_call_has_not_returned_its_lane_is_refused_at_once(
    limits: Limits, gate: Event
):
    abandon(limits, gate)
    threads, began = active_count(), monotonic()
    for _ in range(100):
        with pytest.raises(DidNotAnswer, match="has not returned") as refused:
            limits.call("slow", "hook", lambda: 7, LONG)
    assert monotonic() - began < LONG / 10
    assert active_count() == threads
    (stuck,) = limits.under_way()
    assert (stuck.plugin, stuck.what, stuck.since) == ("slow", "hook", since_of(refused.value))


def test_other_lanes_are_free_meanwhile(limits: Limits, gate: Event):
    abandon(limits, gate)
    assert limits.call("slow", "another hook", lambda: 7, LONG) == 7
    assert limits.call("other", "hook", lambda: 8, LONG) == 8


def test_what_shares_a_lane_waits_for_the_same_call(limits: Limits, gate: Event):
    with pytest.raises(DidNotAnswer):
        limits.call("slow", "settings", gate.wait, SHORT, lane="start")
    with pytest.raises(DidNotAnswer, match="executors, is not asked: its settings, called at"):
        limits.call("slow", "executors", lambda: 7, LONG, lane="start")


def test_a_lane_is_free_again_when_its_call_has_returned_at_last(limits: Limits, gate: Event):
    abandon(limits, gate)
    gate.set()
    assert returned(limits)
    assert limits.call("slow", "hook", lambda: 7, LONG) == 7


def test_a_second_caller_waits_its_turn(limits: Limits, gate: Event):
    first = limits.begin("shared", "hook", lambda: gate.wait(LONG), LONG)
    opener = Timer(SHORT, gate.set)
    opener.start()
    assert limits.call("shared", "hook", lambda: "second", LONG) == "second"
    assert first.result() is True
    opener.join()


def test_a_second_caller_waits_no_longer_than_its_own_limit(limits: Limits, gate: Event):
    first = limits.begin("shared", "hook", lambda: gate.wait(LONG), LONG)
    with pytest.raises(DidNotAnswer):
        limits.call("shared", "hook", lambda: "second", SHORT)
    gate.set()
    assert first.result() is True


def test_several_calls_are_under_way_side_by_side(limits: Limits):
    arrived = [Event(), Event()]

    def meet(me: int) -> bool:
        arrived[me].set()
        return arrived[1 - me].wait(LONG)

    pending = [limits.begin(f"p{me}", "hook", partial(meet, me), LONG) for me in (0, 1)]
    assert [one.result() for one in pending] == [True, True]


def test_a_call_without_limit_is_shown_while_it_is_under_way(limits: Limits):
    with limits.watched("feed", "scheduler_alert"):
        (call,) = limits.under_way()
        assert (call.plugin, call.what) == ("feed", "scheduler_alert")
    assert limits.under_way() == ()


def test_a_call_that_could_not_get_a_thread_leaves_its_lane_free(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
):
    def refuse(self: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            limits.call("quick", "hook", lambda: 7, LONG)
    assert limits.call("quick", "hook", lambda: 7, LONG) == 7
