"""A real cluster, watched by a real Prometheus and a real Alertmanager.

Two workers and the site over PostgreSQL; one story in order: figures arrive, the leader is killed,
counters stay, alerts reach a webhook, a silence holds one back and is expired.
"""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
import requests
import yaml

from scheduler_demo.monitored import PLUGIN
from scheduler_demo.monitoring import LocalAlertmanager, LocalPrometheus, Scrape
from scheduler_demo.server import free_port, wait_until
from scheduler_monitoring.alertmanager import Alertmanager
from scheduler_monitoring.errors import RemoteRefused
from scheduler_monitoring.figures import FIGURES
from scheduler_monitoring.prometheus import Prometheus
from scheduler_monitoring.remote import Remote
from tests.e2e.cluster import Cluster, every, job
from tests.plugins.http_server import LocalServer, local_server
from tests.plugins.monitoring.otlp import spans_sent_to
from tests.plugins.monitoring.pages import checked_by_promtool, program

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

TOKEN = "metrics-token-of-this-test"
WEBHOOK_TOKEN = "webhook-token-of-this-test"
FOLDER = Path(__file__).parents[3] / "deploy" / "monitoring"
JOBS = [
    job("pulse", "noop", every(1)),
    job("failing", "sample_failing", every(5)),
    job("idle", "noop", None),
]


class WatchedCluster(Cluster):
    """Each worker serves its figures on a port of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.ports = {number: free_port() for number in (1, 2)}
        super().__init__(folder, JOBS, workers=2, web_port=0, settings=settings)

    def worker_environment(self, number: int) -> dict[str, str]:
        port = str(self.ports[number])
        return {**super().worker_environment(number), "SCHEDULER_WORKER_HTTP_PORT": port}


@dataclass
class Watch:
    """The cluster and all that watches it."""

    cluster: WatchedCluster
    prometheus: LocalPrometheus
    alertmanager: LocalAlertmanager
    receiver: LocalServer
    collector: LocalServer

    @property
    def web(self) -> str:
        assert self.cluster.web is not None
        return f"http://127.0.0.1:{self.cluster.web.port}"

    @property
    def figures(self) -> Prometheus:
        return Prometheus(Remote("Prometheus", "SCHEDULER_PROMETHEUS_URL", self.prometheus.url))

    @property
    def alerts(self) -> Alertmanager:
        url = self.alertmanager.url
        return Alertmanager(Remote("Alertmanager", "SCHEDULER_ALERTMANAGER_URL", url))

    def value(self, query: str) -> float | None:
        """The one value of a query; None where there is none."""
        found = self.figures.instant(query)
        return found[0].points[0].value if found else None

    def names_told(self) -> set[str]:
        """The alerts that the webhook was told of as firing."""
        documents = [json.loads(asked.body) for asked in self.receiver.asked]
        return {
            alert["labels"]["alertname"]
            for document in documents
            for alert in document["alerts"]
            if alert["status"] == "firing"
        }

    def manage(self, *arguments: str) -> str:
        """What a command prints."""
        return self.cluster.manage(*arguments).stdout

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
        assert wait_until(condition, seconds), f"in {seconds:.0f} s there was not: {what}"


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """Everything up: the cluster scraped each second, with the shipped rules."""
    program("prometheus", "prometheus")
    program("prometheus-alertmanager", "prometheus-alertmanager")
    folder = Path(tempfile.mkdtemp(prefix="scheduler-mon-"))
    alertmanager_port = free_port()
    settings = {
        "SCHEDULER_PLUGINS": PLUGIN,
        "SCHEDULER_METRICS_TOKEN": TOKEN,
        "SCHEDULER_ALERTMANAGER_URL": f"http://127.0.0.1:{alertmanager_port}",
    }
    try:
        with (
            local_server() as receiver,
            local_server() as collector,
            WatchedCluster(
                folder / "cluster", OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, **settings
            ) as cluster,
            LocalAlertmanager(
                folder / "alertmanager",
                port=alertmanager_port,
                webhook=receiver.address,
                token=WEBHOOK_TOKEN,
            ) as alertmanager,
            LocalPrometheus(
                folder / "prometheus",
                scrapes_of(cluster),
                rules=FOLDER / "scheduler-rules.yaml",
                alertmanager=f"127.0.0.1:{alertmanager_port}",
                interval_seconds=1,
            ) as prometheus,
        ):
            yield Watch(cluster, prometheus, alertmanager, receiver, collector)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scrapes_of(cluster: WatchedCluster) -> list[Scrape]:
    assert cluster.web is not None
    workers = [f"127.0.0.1:{port}" for port in cluster.ports.values()]
    return [
        Scrape("scheduler-workers", workers, TOKEN),
        Scrape("scheduler-cluster", [f"127.0.0.1:{cluster.web.port}"], TOKEN),
        Scrape("without-a-token", [f"127.0.0.1:{cluster.web.port}"]),
    ]


def test_prometheus_scrapes_both_pages_with_the_token_and_is_refused_without(watch):
    watch.until(
        lambda: watch.value('count(up{job=~"scheduler-.*"} == 1)') == 3, "three good targets"
    )
    watch.until(lambda: watch.value('up{job="without-a-token"}') == 0, "one refused")
    pages = [watch.web, *(f"http://127.0.0.1:{port}" for port in watch.cluster.ports.values())]
    for address in pages:
        assert requests.get(f"{address}/metrics", timeout=5).status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        found = requests.get(f"{address}/metrics", headers=bearer, timeout=5)
        assert found.status_code == 200
        assert checked_by_promtool(found.content) == ""


def test_the_figures_are_those_of_the_cluster(watch):
    watch.until(lambda: watch.value('scheduler_workers{state="online"}') == 2, "two workers")
    assert watch.value("scheduler_leader_present") == 1
    assert watch.value('sum(scheduler_worker_role{role="leader"})') == 1
    assert watch.value("scheduler_epoch") == watch.cluster.epoch
    watch.until(
        lambda: (watch.value("sum(scheduler_run_duration_seconds_count)") or 0) > 3, "measures"
    )
    late = "histogram_quantile(0.99, sum by (le) (rate(scheduler_run_lateness_seconds_bucket[1m])))"
    watch.until(lambda: (watch.value(late) or 99.0) < 5, "a lateness of seconds at most")
    expiry = watch.value("min(scheduler_certificate_expiry_timestamp_seconds)")
    assert expiry is not None and expiry > time.time()


def test_what_ended_is_counted_for_the_cluster(watch):
    counted = 'scheduler_runs_finished_total{job_name="pulse",state="SUCCEEDED"}'
    watch.until(lambda: (watch.value(counted) or 0) > 5, "counted runs", 120)
    failed = 'scheduler_job_last_failure_timestamp_seconds{job_name="failing"}'
    watch.until(lambda: watch.value(failed) is not None, "a failure", 60)


def test_every_figure_that_is_declared_reaches_prometheus(watch):
    def known() -> set[str]:
        answer = requests.get(f"{watch.prometheus.url}/api/v1/metadata", timeout=5)
        return set(answer.json()["data"])

    # promtool and Prometheus name a counter's family with or without "_total".
    wanted = {one.name for one in FIGURES}
    watch.until(lambda: not wanted - known(), f"all of {sorted(wanted - known())}", 30)


def test_every_panel_of_the_dashboard_can_be_asked_for(watch):
    rows = yaml.safe_load((FOLDER / "dashboard-panels.yaml").read_text())
    end = datetime.now(UTC)
    for panel in (panel for row in rows.values() for panel in row):
        for query in panel["queries"]:
            asked = re.sub(r"\$\w*interval", "1m", query["expr"]).replace("$job_name", ".*")
            assert "$" not in asked
            watch.figures.range(asked, end - timedelta(minutes=1), end, timedelta(seconds=5))


def test_a_range_query_gives_a_series_for_a_chart(watch):
    end = datetime.now(UTC)
    (series,) = watch.figures.range(
        "scheduler_epoch", end - timedelta(seconds=10), end, timedelta(seconds=1)
    )
    assert series.labels["__name__"] == "scheduler_epoch"
    instants = [point.at for point in series.points]
    assert len(instants) >= 5 and instants == sorted(instants)
    assert {point.value for point in series.points} == {float(watch.cluster.epoch)}


def test_a_wrong_query_is_a_sentence(watch):
    with pytest.raises(RemoteRefused, match="parse error"):
        watch.figures.instant("sum(")


def test_a_killed_leader_raises_the_alert_and_takes_nothing_from_the_counters(watch):
    before = watch.value("sum(scheduler_runs_finished_total)")
    leader = watch.cluster.the_leader()
    epoch = watch.cluster.epoch
    leader.kill()
    watch.cluster.wait_for_new_leader(epoch)
    leader.start()
    watch.until(lambda: "SchedulerRoleChanged" in watch.names_told(), "the alert at the webhook")
    asked = watch.receiver.asked[-1]
    assert asked.headers["authorization"] == f"Bearer {WEBHOOK_TOKEN}"
    watch.until(
        lambda: (watch.value("sum(scheduler_runs_finished_total)") or 0) > (before or 0) + 5,
        "more runs counted by the new leader",
    )
    assert watch.value("sum(resets(scheduler_runs_finished_total[10m]))") == 0
    assert watch.value("sum(resets(scheduler_takeovers_total[10m]))") == 0


def test_each_ended_run_was_counted_once_over_all_of_this(watch):
    """Against the rows themselves, with nobody at work: what lies below the cursor and was not
    open there, no more and no less."""
    watch.cluster.stop_workers()
    with psycopg.connect(watch.cluster.dsn) as connection:

        def one(statement: LiteralString, *values: Any) -> tuple[Any, ...]:
            row = connection.execute(statement, values).fetchone()
            assert row is not None
            return row

        until, packed = one("SELECT counted_until, open_runs FROM scheduler_monitoring_cursor")
        remembered = [UUID(bytes=packed[at : at + 16]) for at in range(0, len(packed), 16)]
        (ended,) = one(
            "SELECT count(*) FROM scheduler_job_run WHERE finished_at IS NOT NULL"
            " AND id <= %s AND id <> ALL(%s)",
            until,
            remembered,
        )
        (counted,) = one(
            "SELECT sum(value) FROM scheduler_monitoring_tally WHERE figure = 'finished'"
        )
    assert counted == ended > 10
    for worker in watch.cluster.workers:
        worker.start()
    watch.cluster.mend()


def test_each_ended_run_has_its_trace_whoever_led(watch):
    ended = {run.id for run in watch.cluster.runs() if run.finished_at is not None}

    def traced() -> set[UUID]:
        return {UUID(bytes=span.trace_id) for span in spans_sent_to(watch.collector)}

    watch.until(lambda: ended <= traced(), "a trace of each run that had ended")
    assert len(ended) > 10
    of_one = [span for span in spans_sent_to(watch.collector) if span.trace_id == max(ended).bytes]
    assert {span.name.split()[0] for span in of_one} >= {"run", "plan"}
    watch.until(
        lambda: (watch.value('sum(scheduler_traces_total{outcome="exported"})') or 0) > 0, "a count"
    )


def test_a_silence_holds_an_alert_back_until_it_is_expired(watch):
    made = json.loads(
        watch.manage(
            "scheduler_alerts",
            "silence",
            "alertname=SchedulerJobQuarantined",
            "--for",
            "2h",
            "--author",
            "tester",
            "--comment",
            "we know",
            "--json",
        )
    )
    (silence,) = watch.alerts.silences()
    assert (silence.silence_id, silence.state) == (made["silence_id"], "active")
    assert (silence.author, silence.comment) == ("tester", "we know")

    watch.manage("scheduler_quarantine", "idle", "--reason", "for the test")
    name = "SchedulerJobQuarantined"

    def state() -> set[str]:
        return {one.state for one in watch.alerts.alerts() if one.name == name}

    watch.until(lambda: state() == {"suppressed"}, "a suppressed alert")
    assert name not in {one.name for one in watch.alerts.alerts(silenced=False)}
    assert name in watch.manage("scheduler_alerts", "list")
    # Others arrive meanwhile: it is not that nothing does.
    assert name not in watch.names_told()

    watch.manage("scheduler_alerts", "expire", made["silence_id"])
    watch.until(lambda: name in watch.names_told(), "the alert at the webhook")
    assert state() == {"active"}
    assert watch.alerts.silences() == []
    assert [one.state for one in watch.alerts.silences(expired=True)] == ["expired"]


def test_silences_are_kept_in_the_audit(watch):
    with psycopg.connect(watch.cluster.dsn) as connection:
        rows = connection.execute(
            "SELECT action, actor FROM scheduler_admin_action"
            " WHERE action IN ('alerts_silenced', 'silence_expired') ORDER BY at"
        ).fetchall()
    assert [row[0] for row in rows] == ["alerts_silenced", "silence_expired"]
    assert rows[0][1] == "tester"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["silence", "a=b", "--comment", " "], "'comment': it is missing"),
        (["silence", "a=b", "--comment", "x", "--for", "8d"], "from 1 minute to 7 days"),
        (["silence", "a=~.*", "--comment", "x"], "would silence every alert"),
        (["expire", "7"], "'7' is none"),
        (["expire", str(UUID(int=7))], "there is none"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(watch, arguments, sentence):
    done = watch.cluster.manage("scheduler_alerts", *arguments, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr and "Traceback" not in done.stderr


def test_the_alerts_are_listed_as_json(watch):
    found = json.loads(watch.manage("scheduler_alerts", "list", "--json"))
    assert "SchedulerJobQuarantined" in {alert["name"] for alert in found["alerts"]}


def health_of(watch: Watch, **environment: str) -> dict[str, dict[str, Any]]:
    """What scheduler_status shows of our checks, by name."""
    command = ["scheduler_status", "--json"]
    found = json.loads(watch.cluster.manage(*command, env=environment).stdout)
    return {one["check"]: one for one in found["health"] if one["plugin"] == "monitoring"}


def test_health_tells_what_answers_and_what_is_not_used(watch):
    found = health_of(watch)
    assert (found["alertmanager"]["status"], found["prometheus"]["status"]) == ("ok", "ok")
    assert "is not used" in found["prometheus"]["summary"]


def test_health_tells_what_does_not_answer(watch):
    found = health_of(watch, SCHEDULER_PROMETHEUS_URL=f"http://127.0.0.1:{free_port()}")
    assert found["prometheus"]["status"] == "failing"
    assert "does not answer" in found["prometheus"]["summary"]
