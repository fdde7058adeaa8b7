"""A real cluster tells real receivers: of a failure, a retry, a recovery, a pause and an alert of
Prometheus; once, also when the leader is killed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from scheduler_demo.services import free_port
from tests.e2e.cluster import Cluster, every, job
from tests.plugins.http_server import Answer, LocalServer, local_server
from tests.plugins.notify.builders import HOOK
from tests.plugins.notify.posted import ALERT, payload

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

TOKEN = "am-t0ken-of-the-tests"
ROUTES = [{"group_seconds": 1, "limit": {"notices": 1000, "seconds": 10}}]


class World:
    def __init__(self, cluster: Cluster, own: LocalServer, slack: LocalServer) -> None:
        self.cluster, self.own, self.slack = cluster, own, slack

    def messages(self, kind: str, subject: str = "") -> list[dict[str, Any]]:
        """What the own webhook was told, each notice once."""
        notices = {got.headers["webhook-id"]: json.loads(got.body) for got in self.own.asked}
        return [
            one
            for notice in notices.values()
            for one in notice["data"]["messages"]
            if one["kind"] == kind and subject in ("", one["subject"])
        ]

    def wait_for(self, kind: str, subject: str = "", count: int = 1) -> list[dict[str, Any]]:
        self.cluster.wait_until(
            lambda: len(self.messages(kind, subject)) >= count, f"{count} {kind} of {subject}"
        )
        return self.messages(kind, subject)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.cluster.dsn) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    jobs = [
        job("pulse", "noop", every(1)),
        job("broken", "sample_failing", every(3), default_args_json=["--succeed-at", "0"]),
        job("flaky", "sample_failing", every(5), max_attempts=3, backoff_seconds=0.2),
    ]
    with local_server() as own, local_server() as slack:
        settings = {
            "SCHEDULER_PLUGINS": "scheduler_notify.plugin.NotifyPlugin",
            "SCHEDULER_NOTIFY_WEBHOOK_URL": own.url(HOOK),
            "SCHEDULER_NOTIFY_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL": slack.url(HOOK),
            "SCHEDULER_NOTIFY_ROUTES": json.dumps(ROUTES),
            "SCHEDULER_ALERT_WEBHOOK_TOKEN": TOKEN,
        }
        slack.answer = Answer(hang=True)
        with Cluster(
            folder / "c", jobs, workers=2, web_port=free_port(), settings=settings
        ) as cluster:
            yield World(cluster, own, slack)


def test_a_failure_is_told_with_its_exit_code_though_another_channel_hangs(world):
    told = world.wait_for("run_failed", "broken", 3)
    assert {one["facts"]["exit_code"] for one in told} == {1}
    assert all(one["severity"] == "error" for one in told)
    assert len({one["run_id"] for one in told}) == len(told)


def test_a_run_whose_retry_succeeded_is_not_told(world):
    world.cluster.wait_until(
        lambda: any(run.state == "SUCCEEDED" for run in world.cluster.runs("flaky")),
        "a retry that succeeded",
    )
    kept = world.execute(
        "SELECT severity FROM scheduler_notify_message"
        " WHERE job = 'flaky' AND kind = 'run_failed' AND routed_at IS NOT NULL"
    )
    assert {severity for (severity,) in kept} == {"info"}
    assert world.messages("run_failed", "flaky") == []


def test_a_job_that_works_again_is_told(world):
    world.execute(
        "UPDATE scheduler_job_definition SET command_name = 'noop', default_args_json = NULL"
        " WHERE name = 'broken'"
    )
    (told,) = world.wait_for("job_recovered", "broken")
    assert told["resolved"] is True
    assert told["facts"]["failures"] >= 3


def test_a_pause_and_its_end_are_told(world):
    world.cluster.manage("scheduler_pause", "--reason", "maintenance")
    world.cluster.manage("scheduler_resume")
    told = world.wait_for("alert", count=2)
    assert [one["facts"]["code"] for one in told] == ["CLUSTER_PAUSED", "CLUSTER_RESUMED"]
    assert [one["resolved"] for one in told] == [False, True]


def test_an_alert_posted_to_the_web_process_is_told(world):
    assert world.cluster.web is not None
    url = f"http://127.0.0.1:{world.cluster.web.port}/api/alertmanager/webhook/"
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    assert requests.post(url, payload(ALERT), headers=headers, timeout=10).json() == {"alerts": 1}
    (told,) = world.wait_for("prometheus", "SchedulerLeaderMissing")
    assert told["facts"]["annotations"]["summary"] == "Nobody leads"


def test_the_next_leader_goes_on_and_nothing_is_lost(world):
    cluster = world.cluster
    world.execute(
        "UPDATE scheduler_job_definition SET command_name = 'sample_failing',"
        " default_args_json = '[\"--succeed-at\", \"0\"]' WHERE name = 'broken'"
    )
    before = len(world.messages("run_failed", "broken"))
    world.wait_for("run_failed", "broken", before + 1)
    leader, epoch = cluster.the_leader(), cluster.epoch
    leader.kill()
    cluster.wait_for_new_leader(epoch)
    world.wait_for("run_failed", "broken", before + 4)
    world.execute("UPDATE scheduler_job_definition SET enabled = false WHERE name = 'broken'")
    failed = {str(run.id) for run in cluster.runs("broken") if run.state == "FAILED"}

    def told() -> set[str]:
        return {one["run_id"] for one in world.messages("run_failed", "broken")}

    cluster.wait_until(lambda: failed <= told(), "a notice of every failed run")
    ids = [one["run_id"] for one in world.messages("run_failed", "broken")]
    assert len(ids) == len(set(ids))


def test_the_operators_see_the_channel_that_does_not_work(world):
    world.cluster.wait_until(
        lambda: "127.0.0.1 did not answer" in world.cluster.manage("scheduler_notify").stdout,
        "the error of Slack",
        90.0,
    )
    said = world.cluster.manage("scheduler_notify").stdout
    assert "s3cretpath" not in said
    logs = [worker.process.log_tail(100_000) for worker in world.cluster.workers]
    assert all("s3cretpath" not in log for log in logs)
