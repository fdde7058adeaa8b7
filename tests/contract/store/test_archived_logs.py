"""Archived logs reach each plugin that hears of them, and go when all have taken them."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from scheduler.store.archived_logs import SqlArchivedLogs
from scheduler.store.sessions import Database
from scheduler.store.statements import Statement
from tests.contract.store.world import World

ADD = Statement("""
    INSERT INTO scheduler_archived_outbox (xid, run_id, log_ref)
    VALUES (pg_current_xact_id()::text::bigint, %(run_id)s, %(log_ref)s)
""")
READERS = ("archived:p", "archived:q")


@pytest.fixture
def outbox(database: Database) -> Iterator[SqlArchivedLogs]:
    with SqlArchivedLogs(database) as outbox:
        yield outbox


@pytest.fixture
def archive(world: World) -> Callable[[], UUID]:
    def archive() -> UUID:
        run = uuid7()
        world.session.run(ADD, run_id=run, log_ref=f"http://logs/{run}")
        return run

    return archive


def test_they_come_again_until_they_are_taken(world, outbox, archive):
    runs = [archive(), archive()]
    batch = outbox.unread("archived:p", 10)
    assert [(one.run_id, one.log_ref) for one in batch.items] == [
        (run, f"http://logs/{run}") for run in runs
    ]
    assert abs((batch.items[0].at - world.now()).total_seconds()) < 60
    assert outbox.unread("archived:p", 10).items == batch.items
    outbox.taken(world.fence, "archived:p", batch.place)
    assert outbox.unread("archived:p", 10).items == ()
    later = archive()
    assert [one.run_id for one in outbox.unread("archived:p", 10).items] == [later]


def test_they_stay_until_every_plugin_has_taken_them(world, outbox, archive):
    archive()
    for reader in READERS:
        assert outbox.forget(world.fence, READERS) == 0
        batch = outbox.unread(reader, 10)
        assert len(batch.items) == 1
        outbox.taken(world.fence, reader, batch.place)
    assert outbox.forget(world.fence, READERS) == 1
    assert world.count("scheduler_archived_outbox") == 0


def test_the_transitions_place_of_a_plugin_is_another(world, outbox, archive):
    archive()
    batch = outbox.unread("archived:p", 10)
    outbox.taken(world.fence, "p", batch.place)
    assert outbox.unread("archived:p", 10).items == batch.items
