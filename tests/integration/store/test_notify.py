"""The bell over LISTEN/NOTIFY."""

import threading
from collections.abc import Iterator

import pytest

from scheduler.store.connections import database_from_url
from scheduler.store.notify import NotifyBell, SilentBell, bell_for
from scheduler.store.postgres import PostgresDatabase

DEADLINE_SECONDS = 10.0


class Ears:
    """Collects what is heard; ``wait`` for a number of rings."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, topic: str) -> None:
        with self._changed:
            self.heard.append(topic)
            self._changed.notify_all()

    def wait(self, count: int) -> list[str]:
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.heard) >= count, DEADLINE_SECONDS)
            assert arrived, f"heard only {self.heard}"
            return list(self.heard)


@pytest.fixture
def database(postgres) -> PostgresDatabase:
    found = database_from_url(postgres.dsn, worker_id="w-1")
    assert isinstance(found, PostgresDatabase)
    return found


@pytest.fixture
def bell(database: PostgresDatabase) -> Iterator[NotifyBell]:
    bell = NotifyBell(database)
    yield bell
    bell.close()


@pytest.mark.postgres
class TestOverPostgres:
    def test_a_listener_hears_its_topics_and_no_others(self, bell: NotifyBell):
        ears = Ears()
        listening = bell.listen(["leader", "workers"], ears)
        assert ears.wait(2) == ["leader", "workers"]
        assert bell.ring("election")
        assert bell.ring("leader")
        assert ears.wait(3)[2:] == ["leader"]
        listening.close()

    def test_after_close_nothing_is_heard(self, bell: NotifyBell):
        ears = Ears()
        listening = bell.listen(["leader"], ears)
        ears.wait(1)
        listening.close()
        bell.ring("leader")
        assert ears.heard == ["leader"]

    def test_a_listener_that_was_cut_off_listens_again_and_makes_up(self, bell, postgres):
        ears = Ears()
        listening = bell.listen(["leader"], ears)
        ears.wait(1)
        with postgres.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'scheduler/w-1/bell'"
            )
        assert ears.wait(2) == ["leader", "leader"]
        listening.close()

    def test_one_listeners_fault_does_not_make_it_deaf(self, bell: NotifyBell):
        ears = Ears()

        def faulty(topic: str) -> None:
            ears(topic)
            raise RuntimeError("a bug of the listener")

        listening = bell.listen(["leader"], faulty)
        ears.wait(1)
        bell.ring("leader")
        ears.wait(2)
        listening.close()

    def test_a_ring_at_a_dead_database_is_false_and_raises_nothing(self):
        dead = database_from_url("postgresql://u@127.0.0.1:1/db")
        assert isinstance(dead, PostgresDatabase)
        bell = NotifyBell(dead)
        assert bell.ring("leader") is False
        assert bell.ring("leader") is False
        bell.close()


def test_on_sqlite_the_bell_is_silent(sqlite):
    bell = bell_for(database_from_url(sqlite.dsn))
    assert isinstance(bell, SilentBell)
    assert bell.ring("leader") is False
    bell.listen(["leader"], lambda topic: None).close()
