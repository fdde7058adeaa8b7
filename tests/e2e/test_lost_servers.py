"""Redis emptied, PostgreSQL restarted or away for a while: the cluster goes on by itself."""

import pytest

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]


def test_redis_restarted_empty_loses_nothing_and_changes_no_leader(cluster):
    epoch = cluster.epoch
    cluster.wait_for_starts(1)
    cluster.valkey.restart_empty()
    cluster.wait_for_starts(4)
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch


def test_redis_away_for_a_while_stops_no_job(cluster):
    epoch = cluster.epoch
    cluster.valkey.kill()
    try:
        cluster.wait_for_starts(5)
    finally:
        cluster.valkey.start()
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch


def test_postgres_restarted_loses_nothing(cluster):
    cluster.wait_for_starts(1)
    cluster.postgres.restart()
    cluster.wait_for_starts(4)
    cluster.assert_all_slots_ran_once()


def test_postgres_crashed_loses_nothing(cluster):
    cluster.wait_for_starts(1)
    cluster.postgres.kill()
    cluster.postgres.start()
    cluster.wait_for_starts(4)
    cluster.assert_all_slots_ran_once()


def test_runs_end_well_while_postgres_is_away_shorter_than_a_lease(cluster):
    cluster.wait_until(
        lambda: any(run.state == "RUNNING" for run in cluster.runs("work")), "work under way"
    )
    under_way = {run.id for run in cluster.runs("work") if run.state == "RUNNING"}
    cluster.postgres.stop()
    cluster.wait_until(
        lambda: {str(i) for i in under_way} <= {m.run_id for m in cluster.marks("end")},
        "an end of the work",
    )
    cluster.postgres.start()
    cluster.assert_all_slots_ran_once()
    states = {run.state for run in cluster.runs("work") if run.id in under_way}
    assert states == {"SUCCEEDED"}
