"""Transitions reach each reader: all of them, in order for each run, again until they are taken."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.transitions import ALLOWED
from scheduler.domain.values import Fence, Reason, RunState, RunTransition
from scheduler.store.connections import database_from_url
from scheduler.store.leader import SqlLeaderStore
from scheduler.store.outbox_reader import SqlOutbox
from scheduler.store.sessions import Database
from scheduler.store.worker import SqlWorkerStore
from tests.contract.store.world import World, result

EVERY = frozenset((old, new) for old, moves in ALLOWED.items() for new in moves)
S = RunState


def telling(database: Database, declared: frozenset[tuple[RunState, RunState]] = EVERY) -> World:
    """A world whose stores write the declared transitions down."""
    world = World(database)
    world.leader.close()
    world.workers.close()
    world.leader = SqlLeaderStore(database, declared_transitions=declared)
    world.workers = SqlWorkerStore(database, declared_transitions=declared)
    world.worker("w-1")
    world.elect("w-1")
    return world


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    world = telling(database)
    yield world
    world.close()


@pytest.fixture
def outbox(database: Database) -> Iterator[SqlOutbox]:
    with SqlOutbox(database) as outbox:
        yield outbox


def finish(world: World, tokens: dict[UUID, UUID], state: RunState = S.SUCCEEDED) -> None:
    world.workers.finish("w-1", [result(run, token, state) for run, token in tokens.items()])


def drain(world: World, outbox: SqlOutbox, reader: str, limit: int = 100) -> list[RunTransition]:
    """All that ``reader`` has not taken, taken."""
    found: list[RunTransition] = []
    while (batch := outbox.unread(reader, limit)).items:
        found += batch.items
        outbox.taken(world.fence, reader, batch.place)
    return found


def moves(found: list[RunTransition], run: UUID) -> list[tuple[RunState, RunState]]:
    return [(one.old, one.new) for one in found if one.run_id == run]


LIFE = [(S.PENDING, S.ASSIGNED), (S.ASSIGNED, S.RUNNING), (S.RUNNING, S.SUCCEEDED)]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_reader_is_told_of_a_runs_whole_life_in_order(world, outbox, limit):
    runs = world.plan(world.define(), 3)
    finish(world, world.start(runs))
    found = drain(world, outbox, "p", limit)
    assert len(found) == 9
    for run in runs:
        assert moves(found, run) == LIFE


def test_a_transition_says_what_happened_to_which_run_where(world, outbox):
    definition = world.define("report")
    (run,) = world.plan(definition)
    finish(world, world.start([run]), S.FAILED)
    last = drain(world, outbox, "p")[-1]
    assert (last.run_id, last.definition_id, last.job_name) == (run, definition, "report")
    assert (last.old, last.new, last.attempt, last.worker_id) == (S.RUNNING, S.FAILED, 1, "w-1")
    assert abs((last.at - world.now()).total_seconds()) < 60


def test_a_batch_that_was_not_taken_comes_again(world, outbox):
    finish(world, world.start(world.plan(world.define())))
    assert outbox.unread("p", 2) == outbox.unread("p", 2)


def test_each_reader_has_a_place_of_its_own(world, outbox):
    finish(world, world.start(world.plan(world.define())))
    assert len(drain(world, outbox, "one")) == 3
    assert len(drain(world, outbox, "two")) == 3
    assert drain(world, outbox, "one") == []


def test_what_comes_later_is_told_later(world, outbox):
    first, second = world.plan(world.define(), 2)
    finish(world, world.start([first]))
    assert {one.run_id for one in drain(world, outbox, "p")} == {first}
    finish(world, world.start([second]))
    assert {one.run_id for one in drain(world, outbox, "p")} == {second}


def test_with_nothing_declared_nothing_is_written(database):
    world = telling(database, frozenset())
    finish(world, world.start(world.plan(world.define())))
    assert world.count("scheduler_run_outbox") == 0
    world.close()


def test_only_what_was_declared_is_written(database, outbox):
    world = telling(database, frozenset({(S.RUNNING, S.FAILED)}))
    good, bad = world.plan(world.define(), 2)
    tokens = world.start([good, bad])
    finish(world, {good: tokens[good]})
    finish(world, {bad: tokens[bad]}, S.FAILED)
    assert [(one.run_id, one.new) for one in drain(world, outbox, "p")] == [(bad, S.FAILED)]
    world.close()


def test_skips_and_orphans_are_told_too(world, outbox):
    skipped, orphaned = world.plan(world.define(), 2)
    world.leader.skip(world.fence, [(skipped, Reason.SKIP_LATE, "late")])
    world.worker("w-2")
    world.start([orphaned], "w-2")
    world.lose("w-2")
    world.leader.orphan(world.fence, [(orphaned, None, False)])
    found = drain(world, outbox, "p")
    assert moves(found, skipped) == [(S.PENDING, S.SKIPPED)]
    assert moves(found, orphaned)[-1] == (S.RUNNING, S.ORPHANED)
    assert found[-1].worker_id == "w-2"


def test_what_all_have_taken_is_forgotten_and_nothing_else(world, outbox):
    first, second = world.plan(world.define(), 2)
    finish(world, world.start([first]))
    drain(world, outbox, "one")
    assert outbox.forget(world.fence, ["one", "two"]) == 0
    drain(world, outbox, "two")
    finish(world, world.start([second]))
    assert outbox.forget(world.fence, ["one", "two"]) == 3
    assert world.count("scheduler_run_outbox") == 3
    assert len(drain(world, outbox, "one")) == 3


def test_a_reader_that_is_no_longer_there_keeps_nothing(world, outbox):
    finish(world, world.start(world.plan(world.define())))
    outbox.taken(world.fence, "gone", (0, 0, 0))
    drain(world, outbox, "one")
    assert outbox.forget(world.fence, ["one"]) == 3


def test_a_deposed_leader_cannot_move_a_readers_place(world, outbox):
    finish(world, world.start(world.plan(world.define())))
    batch, stale = outbox.unread("p", 10), world.fence
    world.elect("w-1")
    with pytest.raises(StaleEpoch):
        outbox.taken(stale, "p", batch.place)
    with pytest.raises(StaleEpoch):
        outbox.forget(Fence(99, uuid4()), ["p"])
    assert outbox.unread("p", 10).items == batch.items


# ------------------------------------------------------------------ slow commits (PostgreSQL only)

INSERT = """
    INSERT INTO scheduler_run_outbox
        (xid, run_id, definition_id, attempt, old_state, new_state, at)
    VALUES (pg_current_xact_id()::text::bigint, %s, 1, 1, 'RUNNING', 'FAILED', now())
"""


@pytest.fixture
def slow(postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.dsn) as connection:
        yield connection


@pytest.fixture
def quick(postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        yield connection


@pytest.mark.postgres
def test_a_transaction_that_is_slow_to_commit_is_not_left_out(postgres, slow, quick):
    database = database_from_url(postgres.dsn, worker_id="w-1")
    world = telling(database)
    early, late = uuid4(), uuid4()
    with SqlOutbox(database) as outbox:
        slow.execute(INSERT, [early])
        quick.execute(INSERT, [late])
        # The later one is committed, but must not move the place past the other.
        assert drain(world, outbox, "p") == []
        slow.commit()
        assert [one.run_id for one in drain(world, outbox, "p")] == [early, late]
    world.close()


@pytest.mark.postgres
def test_a_transaction_with_an_older_xid_and_a_newer_row_comes_last(postgres, slow, quick):
    database = database_from_url(postgres.dsn, worker_id="w-1")
    world = telling(database)
    run = uuid4()
    with SqlOutbox(database) as outbox:
        slow.execute("SELECT pg_current_xact_id()")
        quick.execute(INSERT, [run])
        slow.execute(INSERT.replace("'RUNNING', 'FAILED'", "'ASSIGNED', 'RUNNING'"), [run])
        slow.commit()
        found = drain(world, outbox, "p", 1)
        assert [one.new for one in found] == [S.FAILED, S.RUNNING]
    world.close()


@pytest.mark.postgres
def test_a_lower_row_id_in_a_later_window_is_not_left_out(postgres, slow, quick):
    database = database_from_url(postgres.dsn, worker_id="w-1")
    world = telling(database)
    low, high = uuid4(), uuid4()
    quick.autocommit = False
    with SqlOutbox(database) as outbox:
        quick.execute("SELECT pg_current_xact_id()")
        slow.execute("SELECT pg_current_xact_id()")
        slow.execute(INSERT, [low])
        quick.execute(INSERT, [high])
        quick.commit()
        assert [one.run_id for one in drain(world, outbox, "p")] == [high]
        slow.commit()
        assert [one.run_id for one in drain(world, outbox, "p")] == [low]
    world.close()
