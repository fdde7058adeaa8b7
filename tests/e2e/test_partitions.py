"""One line cut, or several: who goes on, who gives up, and that nothing is lost or doubled.

The election has its default settings, the run lease is short (L 6 s, M 2.5 s).
"""

import json
import signal
import statistics
import time
from datetime import UTC, datetime, timedelta
from threading import Thread

import psutil
import psycopg
import pytest
import redis

from scheduler_demo.services import EmbeddedValkey
from tests.e2e.cluster import every, job
from tests.e2e.partitions import PartitionableCluster

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

LEASE_SECONDS = 6.0
JOBS = [
    job("pulse", "noop", every(1)),
    job("work", "sample_long", every(2), default_args_json=["--seconds", "2.5"], max_attempts=5),
    job("long", "sample_long", None),
]
STATEMENTS = {
    "plan": "SET planned_until = p.new_until",
    "assignment": "SET state = 'ASSIGNED', worker_id = p.worker_id",
    "claim": "SET state = 'RUNNING', claim_token = p.claim_token",
    "finish": "SET state = p.state, finished_at = clock_timestamp()",
    "take-over": "term_started_at = clock_timestamp()",
}


@pytest.fixture(scope="module")
def shared_cluster(folder):
    with PartitionableCluster(folder / "lines", JOBS) as cluster:
        yield cluster


def begin_long_run(cluster, seconds):
    """A run that has just begun its so many seconds, and its worker (never the leader)."""
    known = {run.id for run in cluster.runs("long")}
    command = ("scheduler_run", "long", "--args", json.dumps(["--seconds", str(seconds)]))
    # Beside us: the command ends some time after the run has begun.
    Thread(target=cluster.manage, args=command, daemon=True).start()

    def begun():
        started = {mark.run_id for mark in cluster.marks("start", job="long")}
        return [r for r in cluster.runs("long") if r.id not in known and str(r.id) in started]

    cluster.wait_until(lambda: bool(begun()), "a long run")
    run = begun()[0]
    return run, next(w for w in cluster.workers if cluster.worker_id(w) == run.worker_id)


def attempts_of(cluster, run):
    return [row for row in cluster.runs() if row.slot_key == run.slot_key]


def starts_of(cluster, run):
    return [m for m in cluster.marks("start") if m.run_id == str(run.id)]


def said(worker, event, **fields):
    """How many lines of its log say this."""
    wanted = {"event": event, **fields}
    return sum(all(e.get(k) == v for k, v in wanted.items()) for e in worker.events())


def lateness_since(cluster, began):
    """Seconds from due to start, of each pulse that was due since; waits for those of seven
    seconds."""
    until = began + timedelta(seconds=7)

    def due():
        return [r for r in cluster.runs("pulse") if began < r.scheduled_for <= until]

    def started():
        ids = {str(r.id) for r in due() if r.slot_key.startswith("t:")}
        return {m.run_id: m for m in cluster.marks("start", job="pulse") if m.run_id in ids}

    cluster.wait_until(
        lambda: datetime.now(UTC) > until and len(due()) >= 6 and len(started()) == len(due()),
        "starts of seven seconds' pulses",
        seconds=45,
    )
    at = {str(r.id): r.scheduled_for.timestamp() for r in due()}
    return sorted(mark.clock - at[run_id] for run_id, mark in started().items())


# ------------------------------------------------------------------------------- the leader's lines


def test_a_leader_cut_off_from_the_database_is_replaced_and_steps_down(cluster, watch):
    leader, epoch = cluster.the_leader(), cluster.epoch
    watch.restart()
    cluster.lines_of(leader).rdb.silence()
    successor = cluster.wait_for_new_leader(epoch, seconds=20)
    assert watch.say("leader cut from the RDB -> a new leader (goal 5)") < 15
    assert successor.number != leader.number
    newest = cluster.epoch
    cluster.wait_for_starts(2, epoch_after=epoch)
    watch.say("leader cut from the RDB -> two runs by the new leader")
    cluster.wait_until(
        lambda: said(leader, "leadership_revoked", epoch=epoch), "the old leader's end", 15
    )
    watch.say("leader cut from the RDB -> the old one has stepped down (trust: 6)")
    cluster.heal()
    cluster.wait_for_starts(2, epoch_after=epoch)
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == newest


def test_a_leader_cut_off_from_redis_goes_on(cluster):
    leader, epoch = cluster.the_leader(), cluster.epoch
    cluster.lines_of(leader).redis.refuse()
    cluster.wait_for_starts(8)
    cluster.heal()
    cluster.assert_all_slots_ran_once()
    assert (cluster.the_leader().number, cluster.epoch) == (leader.number, epoch)


@pytest.mark.parametrize("how", ["silence", "refuse"])
def test_runs_start_though_the_leader_reaches_no_worker(cluster, watch, how):
    leader, epoch = cluster.the_leader(), cluster.epoch
    began = datetime.now(UTC)
    for worker in cluster.workers:
        if worker.number != leader.number:
            getattr(cluster.lines_of(worker).grpc, how)()
    late = lateness_since(cluster, began)
    watch.note(
        f"leader cut from its workers ({how}) -> runs start {statistics.median(late):.1f} s late,"
        f" at worst {max(late):.1f} s"
    )
    assert max(late) < 30
    cluster.heal()
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch


def test_a_leader_whose_port_refuses_while_it_beats_is_left_alone(cluster):
    leader, epoch = cluster.the_leader(), cluster.epoch
    cluster.lines_of(leader).grpc.refuse()
    cluster.wait_for_starts(8)
    cluster.assert_all_slots_ran_once()
    assert (cluster.the_leader().number, cluster.epoch) == (leader.number, epoch)


def test_a_subleader_cut_off_from_everything_takes_nothing_over(cluster):
    subleader, leader, epoch = cluster.the_subleader(), cluster.the_leader(), cluster.epoch
    for proxy in (*cluster.lines_of(subleader).all(), cluster.lines_of(leader).grpc):
        proxy.silence()
    cluster.wait_for_starts(10, seconds=30)
    cluster.heal()
    cluster.wait_for_starts(2)
    cluster.assert_all_slots_ran_once()
    assert (cluster.the_leader().number, cluster.epoch) == (leader.number, epoch)


# ------------------------------------------------------------------------------- a worker's lines


def test_a_run_outlives_its_workers_line_to_the_database_and_its_result_arrives_once(
    cluster, watch
):
    run, worker = begin_long_run(cluster, seconds=LEASE_SECONDS + 3)
    name = cluster.worker_id(worker)
    spooled, replayed = said(worker, "results_spooled"), said(worker, "spool_replayed")
    watch.restart()
    cluster.lines_of(worker).rdb.silence()
    cluster.wait_until(
        lambda: any(m.run_id == str(run.id) for m in cluster.marks("end")), "its end", 30
    )
    assert watch.seconds > LEASE_SECONDS + 1
    cluster.wait_until(lambda: said(worker, "results_spooled") > spooled, "a spooled result")
    assert [row.state for row in attempts_of(cluster, run)] == ["RUNNING"]
    watch.restart()
    cluster.heal()
    cluster.wait_until(
        lambda: [row.state for row in attempts_of(cluster, run)] == ["SUCCEEDED"], "its result"
    )
    watch.say("worker cut from the RDB -> its spooled result arrives, after the line is back")
    assert len(starts_of(cluster, run)) == 1
    assert cluster.worker_id(worker) == name
    cluster.assert_all_slots_ran_once()
    assert said(worker, "spool_replayed") == replayed + 1


def test_a_worker_cut_off_from_all_ends_its_runs_first_and_they_run_elsewhere(cluster, watch):
    run, worker = begin_long_run(cluster, seconds=LEASE_SECONDS + 3)
    lost = said(worker, "worker_lease_lost")
    watch.restart()
    for proxy in cluster.lines_of(worker).all():
        proxy.silence()
    cluster.wait_until(lambda: said(worker, "worker_lease_lost") > lost, "the worker's own end")
    assert watch.say("worker cut from all -> it has ended its runs (L: 6)") < LEASE_SECONDS + 5
    cluster.wait_until(
        lambda: [r.state for r in attempts_of(cluster, run)][:1] == ["ORPHANED"], "an orphan", 40
    )
    cluster.wait_until(
        lambda: any(starts_of(cluster, other) for other in attempts_of(cluster, run)[1:]),
        "the next attempt",
    )
    watch.say("worker cut from all -> its run has begun elsewhere (L + M: 8.5)")
    second = attempts_of(cluster, run)[1]
    assert second.worker_id != run.worker_id
    cluster.heal()
    watch.restart()
    cluster.wait_until(
        lambda: cluster.is_live(worker) and cluster.worker_id(worker) != run.worker_id,
        "the worker's return under a new name",
    )
    watch.say("worker cut from all -> it is back under a new id, after the lines are")
    cluster.assert_all_slots_ran_once()
    assert cluster.marks("overlap") == []
    assert not any(mark.run_id == str(run.id) for mark in cluster.marks("end"))


def test_a_killed_launcher_ends_its_runs_and_is_replaced(cluster, watch):
    run, worker = begin_long_run(cluster, seconds=3)
    family = psutil.Process(worker.pid).children(recursive=True)
    launcher = next(p for p in family if "scheduler launcher" in " ".join(p.cmdline()))
    watch.restart()
    launcher.kill()
    cluster.wait_until(
        lambda: any(starts_of(cluster, other) for other in attempts_of(cluster, run)[1:]),
        "the next attempt",
    )
    watch.say("launcher killed -> its run has begun again")
    assert worker.running
    cluster.assert_all_slots_ran_once()
    assert cluster.marks("overlap") == []


# ------------------------------------------------------------------------------------ lost answers


@pytest.mark.parametrize(
    ("what", "whose"),
    [("plan", "leader"), ("assignment", "leader"), ("claim", "worker"), ("finish", "worker")],
)
def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_doubled(cluster, watch, what, whose):
    epoch = cluster.epoch
    worker = cluster.the_leader() if whose == "leader" else cluster.a_follower()
    line = cluster.lines_of(worker).rdb
    before = line.lost_answers
    line.lose_answer(STATEMENTS[what])
    cluster.wait_until(lambda: line.lost_answers > before, f"a {what} to lose the answer of")
    watch.restart()
    cluster.wait_for_starts(2)
    watch.say(f"answer of a {what} lost -> two more starts")
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch
    assert not any(run.reason == "NEVER_STARTED" for run in cluster.runs())


def test_a_take_over_whose_answer_is_lost_has_one_winner(cluster, watch):
    leader, epoch = cluster.the_leader(), cluster.epoch
    line = cluster.lines_of(cluster.the_subleader()).rdb
    before = line.lost_answers
    line.lose_answer(STATEMENTS["take-over"])
    watch.restart()
    leader.kill()
    cluster.lines_of(leader).grpc.refuse()
    cluster.wait_for_starts(2, epoch_after=epoch)
    watch.say("answer of a take-over lost -> two starts by the new leader")
    assert line.lost_answers == before + 1
    cluster.assert_all_slots_ran_once()


# ------------------------------------------------------------------------------------- the servers


def test_a_stale_redis_replica_makes_no_second_leader(cluster, watch):
    with EmbeddedValkey(cluster.layout.root / "replica") as replica:
        replicate(cluster, replica)
        promote_when_stale(cluster, replica)
        epoch, leader = cluster.epoch, cluster.the_leader()
        watch.restart()
        cluster.redis_target = replica
        for worker in cluster.workers:
            cluster.lines_of(worker).redis.refuse()
        cluster.heal()
        cluster.wait_for_starts(8)
        assert (cluster.the_leader().number, cluster.epoch) == (leader.number, epoch)
        watch.say("Redis failed over to a stale replica -> eight more starts, same leader")
        leader.kill()
        cluster.wait_for_starts(2, epoch_after=epoch)
        cluster.assert_all_slots_ran_once()
        cluster.redis_target = cluster.valkey
        for worker in cluster.workers:
            cluster.lines_of(worker).redis.refuse()


def replicate(cluster, replica):
    """Make ``replica`` a full copy of the cluster's Valkey, which listens on a socket only."""
    line = cluster.replication_line()
    with redis.Redis.from_url(replica.url) as client:
        client.replicaof("127.0.0.1", line.port)
        cluster.wait_until(
            lambda: (
                client.info("replication")["master_link_status"] == "up"
                and client.exists("scheduler:leader:epoch")
            ),
            "a copy in the replica",
        )


def promote_when_stale(cluster, replica):
    """Cut the replication, change the leader behind its back, then make the replica a master."""
    epoch = cluster.epoch
    cluster.replication_line().refuse()
    with psycopg.connect(cluster.dsn) as connection:
        connection.execute("UPDATE scheduler_cluster SET degrade_requested = true")
    cluster.wait_for_new_leader(epoch)
    cluster.the_subleader()
    with redis.Redis.from_url(replica.url) as client:
        client.replicaof("NO", "ONE")
        assert int(client.get("scheduler:leader:epoch")) <= epoch < cluster.epoch


def test_postgres_paused_for_a_few_seconds_loses_nothing(cluster, watch):
    cluster.wait_for_starts(1)
    server = psutil.Process(cluster.postgres.pid)
    paused = [server, *server.children(recursive=True)]
    for process in paused:
        process.send_signal(signal.SIGSTOP)
    time.sleep(3.5)
    for process in paused:
        process.send_signal(signal.SIGCONT)
    watch.restart()
    cluster.wait_for_starts(3, seconds=30)
    watch.say("PostgreSQL paused for 3.5 s -> three more starts, after it goes on")
    cluster.assert_all_slots_ran_once()
    assert cluster.marks("overlap") == []
