"""What only row locks of a real PostgreSQL can show: two connections, one waiting for the other."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic, sleep
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler.domain.errors import DatabaseUnavailable, StaleEpoch
from scheduler.domain.values import Fence, Reason, RunState
from scheduler.store import postgres as postgres_store
from scheduler.store.cluster import SqlClusterStore
from scheduler.store.connections import database_from_url
from scheduler.store.leader import SqlLeaderStore
from scheduler.store.leader_runs import ASSIGN
from scheduler.store.postgres import PostgresDatabase
from scheduler.store.statements import Statement
from scheduler.store.worker import SqlWorkerStore
from tests.contract.store.world import World, bump, result

pytestmark = pytest.mark.postgres

DEADLINE_SECONDS = 10.0


@pytest.fixture
def world(postgres) -> Iterator[World]:
    world = World(database_from_url(postgres.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()


@pytest.fixture
def run(world: World) -> UUID:
    (run,) = world.plan(world.define())
    return run


@contextmanager
def holding(postgres, statement: str) -> Iterator[psycopg.Connection]:
    """Another session in whose open transaction ``statement`` has been executed."""
    with psycopg.connect(postgres.dsn, application_name="holder") as connection:
        connection.execute(statement)
        yield connection


def in_background[T](action: Callable[[], T]) -> Future[T]:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(action)
    pool.shutdown(wait=False)
    return future


def wait_for_blocked(postgres, name: str) -> None:
    """Until a session of this application_name waits for a lock."""
    deadline = monotonic() + DEADLINE_SECONDS
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = %s AND wait_event_type = 'Lock'"
    )
    with postgres.connect() as connection:
        while monotonic() < deadline:
            (blocked,) = connection.execute(query, [name]).fetchone()
            if blocked:
                return
            sleep(0.01)
    pytest.fail(f"{name} never waited for a lock")


BUMP_BY_HAND = (
    "UPDATE scheduler_cluster SET epoch = epoch + 1, leader_worker_id = 'w-2',"
    " term_id = gen_random_uuid()"
)


class TestTheFence:
    def test_a_leader_that_waited_for_a_bump_cannot_assign_after_it(self, world, postgres, run):
        with holding(postgres, BUMP_BY_HAND) as bumper:
            assigned = in_background(lambda: world.leader.assign(world.fence, [(run, "w-1", 1)]))
            wait_for_blocked(postgres, "scheduler/w-1/leader")
            bumper.commit()
        with pytest.raises(StaleEpoch) as caught:
            assigned.result(DEADLINE_SECONDS)
        assert caught.value.leader_worker_id == "w-2"
        assert world.state(run) is RunState.PENDING

    def test_for_key_share_would_let_it_pass(self, world, postgres, run):
        weak = ASSIGN.steps["f"].replace("FOR SHARE", "FOR KEY SHARE")
        statement = replace(ASSIGN, steps={**ASSIGN.steps, "f": weak})
        session = world.database.session("weak")
        with holding(postgres, BUMP_BY_HAND) as bumper:
            session.run(
                statement,
                {"v": [(run, "w-1", 1)]},
                epoch=world.fence.epoch,
                term_id=world.fence.term_id,
            )
            bumper.commit()
        session.close()
        assert world.state(run) is RunState.ASSIGNED

    def test_a_bump_waits_for_a_leader_write_under_way(self, world, postgres, run):
        """So what the write did was done by the leader of that time."""
        lock_run = f"SELECT 1 FROM scheduler_job_run WHERE id = '{run}' FOR UPDATE"
        with holding(postgres, lock_run) as holder:
            assigned = in_background(lambda: world.leader.assign(world.fence, [(run, "w-1", 1)]))
            wait_for_blocked(postgres, "scheduler/w-1/leader")
            challenger = SqlClusterStore(database_from_url(postgres.dsn, worker_id="w-2"))
            bumped = in_background(lambda: bump(challenger, 1, uuid4(), "w-2"))
            wait_for_blocked(postgres, "scheduler/w-2/cluster")
            holder.commit()
        assert len(assigned.result(DEADLINE_SECONDS)) == 1
        assert bumped.result(DEADLINE_SECONDS)
        challenger.close()


class TestAStoppedLeader:
    def test_in_the_midst_of_a_transaction_is_ended_by_the_bump(self, world, postgres, run):
        """As when the leader's machine vanished: its backend holds the fence's lock."""
        database = database_from_url(postgres.dsn, worker_id="w-1")
        assert isinstance(database, PostgresDatabase)
        stopped = database.connect("leader")
        stopped.execute("SET idle_in_transaction_session_timeout = 0")
        stopped.execute("BEGIN")
        stopped.execute("SELECT 1 FROM scheduler_cluster WHERE id = 1 FOR SHARE")
        challenger = SqlClusterStore(database_from_url(postgres.dsn, worker_id="w-2"))
        began = monotonic()
        assert bump(challenger, 1, uuid4(), "w-2")
        assert 0.4 < monotonic() - began < 2.0
        with pytest.raises(psycopg.OperationalError):
            stopped.execute("SELECT 1")
        stopped.close()
        challenger.close()

    def test_is_found_also_when_it_rejoined_under_a_new_id(self, world, postgres):
        """Its connections keep the name of the process's first id."""
        world.elect("w-1-again", world.cluster)
        database = database_from_url(postgres.dsn, worker_id="w-1")
        assert isinstance(database, PostgresDatabase)
        stopped = database.connect("leader")
        stopped.execute("SET idle_in_transaction_session_timeout = 0")
        stopped.execute("BEGIN")
        stopped.execute("SELECT 1 FROM scheduler_cluster WHERE id = 1 FOR SHARE")
        challenger = SqlClusterStore(database_from_url(postgres.dsn, worker_id="w-2"))
        assert bump(challenger, world.fence.epoch, uuid4(), "w-2")
        stopped.close()
        challenger.close()

    def test_idle_in_a_transaction_is_ended_by_the_server_itself(self, world, postgres):
        database = database_from_url(postgres.dsn, worker_id="w-1")
        assert isinstance(database, PostgresDatabase)
        with database.connect("leader") as connection:
            found = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert found == ("2s",)

    def test_of_others_nothing_is_ended(self, world, postgres):
        """A lock held by an operator's console: the bump fails and says so, and may be retried."""
        challenger = SqlClusterStore(database_from_url(postgres.dsn, worker_id="w-2"))
        with holding(postgres, "SELECT 1 FROM scheduler_cluster WHERE id = 1 FOR UPDATE") as holder:
            with pytest.raises(DatabaseUnavailable):
                bump(challenger, 1, uuid4(), "w-2")
            holder.execute("SELECT 1")
        assert bump(challenger, 1, uuid4(), "w-2")
        challenger.close()


class TestClaims:
    def test_two_at_once_have_one_winner(self, world, postgres, run):
        seq = world.assign([run])[run]
        barrier = threading.Barrier(2)

        def claim() -> list[UUID]:
            with SqlWorkerStore(world.database) as store:
                store.mine("w-1")
                barrier.wait(DEADLINE_SECONDS)
                return store.claim("w-1", [(run, seq, uuid4())], hold_seq=0)

        both = [in_background(claim), in_background(claim)]
        assert sorted(len(each.result(DEADLINE_SECONDS)) for each in both) == [0, 1]

    def test_a_claim_that_waited_while_its_worker_was_declared_lost_fails(
        self, world, postgres, run
    ):
        seq = world.assign([run])[run]
        lose = "UPDATE scheduler_worker_lease SET state = 'LOST', ended_at = now()"
        with holding(postgres, lose) as leader:
            claimed = in_background(
                lambda: world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=0)
            )
            wait_for_blocked(postgres, "scheduler/w-1/worker")
            leader.commit()
        assert claimed.result(DEADLINE_SECONDS) == []
        assert world.state(run) is RunState.ASSIGNED

    def test_a_cancel_committed_first_beats_the_claim(self, world, postgres, run):
        seq = world.assign([run])[run]
        cancel = "UPDATE scheduler_job_run SET cancel_requested_at = now()"
        with holding(postgres, cancel) as operator:
            claimed = in_background(
                lambda: world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=0)
            )
            wait_for_blocked(postgres, "scheduler/w-1/worker")
            operator.commit()
        assert claimed.result(DEADLINE_SECONDS) == []

    def test_a_claim_committed_first_beats_the_cancel_of_what_waits(self, world, postgres, run):
        seq = world.assign([run])[run]
        world.leader.request_cancel(world.fence, [run], Reason.CANCELED_BY_REQUEST)
        claim = f"UPDATE scheduler_job_run SET state = 'RUNNING', assign_seq = {seq}"
        with holding(postgres, claim) as worker:
            canceled = in_background(lambda: world.leader.cancel_waiting(world.fence))
            wait_for_blocked(postgres, "scheduler/w-1/leader")
            worker.commit()
        assert canceled.result(DEADLINE_SECONDS) == []
        assert world.state(run) is RunState.RUNNING

    def test_a_claim_whose_answer_was_lost_is_found_again(self, world, postgres, run):
        seq, token = world.assign([run])[run], uuid4()
        assert world.workers.claim("w-1", [(run, seq, token)], hold_seq=0) == [run]
        broken = _Losing(world.workers._session)
        world.workers._session = broken
        assert world.workers.claim("w-1", [(run, seq, token)], hold_seq=0) == [run]
        assert broken.lost == 1
        other = uuid4()
        broken.lost = 0
        assert world.workers.claim("w-1", [(run, seq, other)], hold_seq=0) == []


class _Losing:
    """A session whose first answer is lost on the way."""

    def __init__(self, session) -> None:
        self.session, self.lost, self.dialect = session, 0, session.dialect

    def run(self, statement, batches=None, **values):
        rows = self.session.run(statement, batches, **values)
        if not self.lost:
            self.lost += 1
            raise DatabaseUnavailable("here", "the answer was lost")
        return rows

    def close(self) -> None:
        self.session.close()


class TestFinishes:
    def test_a_finish_that_waited_for_the_orphaning_is_a_late_result(self, world, postgres, run):
        token = world.start([run])[run]
        orphan = "UPDATE scheduler_job_run SET state = 'ORPHANED', finished_at = now()"
        with holding(postgres, orphan) as leader:
            finished = in_background(lambda: world.workers.finish("w-1", [result(run, token)]))
            wait_for_blocked(postgres, "scheduler/w-1/worker")
            leader.commit()
        assert finished.result(DEADLINE_SECONDS) == []
        assert world.state(run) is RunState.ORPHANED
        assert "SUCCEEDED" in world.detail(run, "late_result")

    def test_an_orphaning_that_waited_for_the_finish_changes_nothing(self, world, postgres, run):
        world.start([run])
        world.lose("w-1")
        finish = "UPDATE scheduler_job_run SET state = 'SUCCEEDED', finished_at = now()"
        with holding(postgres, finish) as worker:
            orphaned = in_background(lambda: world.leader.orphan(world.fence, [(run, 0.0, False)]))
            wait_for_blocked(postgres, "scheduler/w-1/leader")
            worker.commit()
        assert orphaned.result(DEADLINE_SECONDS) == []
        assert world.state(run) is RunState.SUCCEEDED

    def test_of_successes_lock_their_jobs_in_id_order(self, world, postgres):
        """... as those of failures do: so the two never wait for each other."""
        jobs = [world.define(f"job-{number}") for number in range(8)]
        runs = [run for job in jobs for run in world.plan(job)]
        tokens = world.start(runs)
        for job in reversed(jobs):
            world.limit(job, failures_in_row=1)
        lock = "SELECT id FROM scheduler_job_definition WHERE id {} FOR NO KEY UPDATE"
        with holding(postgres, lock.format(f"= {jobs[0]}")) as holder:
            results = [result(run, tokens[run]) for run in runs]
            finished = in_background(lambda: world.workers.finish("w-1", results))
            wait_for_blocked(postgres, "scheduler/w-1/worker")
            others = holder.execute(lock.format(f"> {jobs[0]}") + " SKIP LOCKED").fetchall()
            assert len(others) == 7
            holder.commit()
        assert sorted(finished.result(DEADLINE_SECONDS)) == sorted(runs)
        assert world.value("SELECT sum(failures_in_row) FROM scheduler_job_definition") == 0


class TestTheLease:
    def test_a_renewal_committed_first_saves_the_worker(self, world, postgres):
        """The leader waited for the row and looks at it again."""
        world.age_lease("w-1", 3600.0)
        renew = "UPDATE scheduler_worker_lease SET renewed_at = clock_timestamp()"
        with holding(postgres, renew) as worker:
            lost = in_background(lambda: world.leases.mark_lost(world.fence, ["w-1"]))
            wait_for_blocked(postgres, "scheduler/w-1/lease")
            worker.commit()
        assert lost.result(DEADLINE_SECONDS) == []
        assert len(world.leases.live()) == 1


class TestTheConnection:
    def test_a_deadlock_is_tried_again(self, world, postgres, monkeypatch):
        first, second = world.plan(world.define(), 2)
        update = "UPDATE scheduler_job_run SET reason = 'x' WHERE id = '{}'"
        mine = Statement(
            steps={
                "a": update.format(second) + " RETURNING id",
                "b": "UPDATE scheduler_job_run AS r SET reason = 'x' FROM a"
                f" WHERE r.id = '{first}' RETURNING r.id",
            },
            result="SELECT b.id FROM a, b",
        )
        tries: list[str] = []
        execute = postgres_store.PostgresSession._execute

        def counted(self, *rest):
            tries.append(self._purpose)
            return execute(self, *rest)

        monkeypatch.setattr(postgres_store.PostgresSession, "_execute", counted)
        session = world.database.session("mine")
        with holding(postgres, update.format(first)) as other:
            # Mine is to be the victim: it looks for a deadlock after a second, as by default.
            other.execute("SET deadlock_timeout = '10s'")
            done = in_background(lambda: session.run(mine))
            wait_for_blocked(postgres, "scheduler/w-1/mine")
            other.execute(update.format(second))
            other.commit()
        assert len(done.result(DEADLINE_SECONDS)) == 1
        assert tries.count("mine") > 1
        session.close()

    def test_a_lost_connection_is_typed_and_the_next_use_connects_anew(self, world, postgres):
        world.leases.live()
        with postgres.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'scheduler/w-1/lease'"
            )
        with pytest.raises(DatabaseUnavailable):
            world.leases.live()
        assert len(world.leases.live()) == 1

    def test_a_server_that_is_not_there_is_named_without_a_password(self):
        database = database_from_url("postgresql://u:secret@127.0.0.1:1/db", worker_id="w-1")
        with pytest.raises(DatabaseUnavailable) as caught:
            SqlClusterStore(database).read()
        assert "127.0.0.1:1/db" in str(caught.value)
        assert "secret" not in str(caught.value)

    def test_a_database_that_was_not_migrated_says_what_to_do(self, postgres_server):
        dsn = postgres_server.create_database("empty")
        store = SqlClusterStore(database_from_url(dsn))
        with store, pytest.raises(DatabaseUnavailable, match="migrate"):
            store.read()

    def test_its_name_is_cut_but_its_purpose_is_not(self):
        name = postgres_store.application_name("w" * 100, "leader")
        assert len(name) == 63
        assert name.endswith("/leader")


def test_a_leader_of_another_term_can_assign_while_claims_go_on(world, postgres):
    """Claims and leader writes take locks in one order: none of them waits for ever."""
    runs = world.plan(world.define(), 40)
    seqs = world.assign(runs)
    with SqlLeaderStore(world.database) as other:
        taken = in_background(
            lambda: other.unassign(
                Fence(world.fence.epoch, world.fence.term_id),
                [(run, seq) for run, seq in reversed(seqs.items())],
                Reason.REASSIGNED,
            )
        )
        claims = [(run, seq, uuid4()) for run, seq in seqs.items()]
        claimed = world.workers.claim("w-1", claims, hold_seq=0)
        assert len(claimed) + len(taken.result(DEADLINE_SECONDS)) == 40
