"""A plugin's feed: only while leading, at least once, with patience for one that fails."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from scheduler.domain.errors import DatabaseUnavailable, StaleEpoch
from scheduler.domain.values import Fence, RunState, RunTransition
from scheduler.ports import OutboxBatch
from scheduler.runtime.feed import LONGEST_RETRY_SECONDS, POLL_SECONDS, PluginFeed
from scheduler.runtime.member import Term

NOW = 1000.0


def transition(number: int) -> RunTransition:
    return RunTransition(
        run_id=UUID(int=number),
        definition_id=1,
        job_name="nightly",
        attempt=1,
        old=RunState.RUNNING,
        new=RunState.FAILED,
        reason="",
        worker_id="w-1",
        at=datetime(2026, 1, 2, tzinfo=UTC),
    )


class FakeOutbox:
    """Holds transitions in order; ``error`` is raised by whatever is called next."""

    def __init__(self, count: int) -> None:
        self.held = [transition(number) for number in range(count)]
        self.at = 0
        self.forgotten_for: list[Sequence[str]] = []
        self.error: Exception | None = None

    def unread(self, reader: str, limit: int) -> OutboxBatch[RunTransition]:
        self._fail()
        end = min(self.at + 2, len(self.held))
        return OutboxBatch(tuple(self.held[self.at : end]), (0, 1, end))

    def taken(self, fence: Fence, reader: str, place: tuple[int, int, int]) -> None:
        self._fail()
        self.at = place[2]

    def forget(self, fence: Fence, readers: Sequence[str]) -> int:
        self.forgotten_for.append(readers)
        return 0

    def _fail(self) -> None:
        if self.error:
            raise self.error


class World:
    """A feed, its outbox, and a plugin that can be told to fail."""

    def __init__(self, count: int = 3, *, leading: bool = True) -> None:
        self.outbox = FakeOutbox(count)
        self.term = Term(7, uuid4(), "w-1", NOW, 0.0) if leading else None
        self.told: list[int] = []
        self.failing = False
        self.feed = PluginFeed("p", ["p", "q"], self.outbox, self.deliver, lambda: self.term)

    def deliver(self, transitions: Sequence[RunTransition]) -> bool:
        if not self.failing:
            self.told += [one.run_id.int for one in transitions]
        return not self.failing

    def wait(self) -> float:
        """Tick once; how long until the next."""
        return self.feed.tick(NOW) - NOW


def test_all_is_told_in_order_batch_after_batch_without_a_pause():
    world = World(3)
    assert [world.wait(), world.wait(), world.wait()] == [0, 0, POLL_SECONDS]
    assert world.told == [0, 1, 2]


def test_a_worker_that_does_not_lead_tells_nothing():
    world = World(leading=False)
    world.outbox.error = AssertionError("the outbox is not to be read")
    assert world.wait() == POLL_SECONDS
    assert world.told == []


def test_a_plugin_that_fails_is_told_the_same_again_after_longer_and_longer_waits():
    world = World(2)
    world.failing = True
    waits = [world.wait() for _ in range(9)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST_RETRY_SECONDS
    assert world.outbox.at == 0
    world.failing = False
    assert world.wait() == 0
    assert world.told == [0, 1]
    world.outbox.held.append(transition(2))
    world.failing = True
    assert world.wait() == 1


def test_a_batch_whose_place_could_not_be_kept_is_told_again():
    world = World(2)

    def break_off(transitions: Sequence[RunTransition]) -> bool:
        world.outbox.error = DatabaseUnavailable("db", "gone")
        return World.deliver(world, transitions)

    world.feed = PluginFeed("p", ["p"], world.outbox, break_off, lambda: world.term)
    assert world.wait() == POLL_SECONDS
    world.outbox.error = None
    world.wait()
    assert world.told == [0, 1, 0, 1]


@pytest.mark.parametrize("error", [StaleEpoch(7, 8, "w-2"), DatabaseUnavailable("db", "gone")])
def test_a_lost_term_or_database_ends_no_feed(error):
    world = World()
    world.outbox.error = error
    assert world.wait() == POLL_SECONDS
    world.outbox.error = None
    assert world.wait() == 0


def test_what_all_readers_have_taken_is_forgotten():
    world = World(1)
    world.wait()
    assert world.outbox.forgotten_for == [["p", "q"]]
