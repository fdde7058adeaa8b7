"""/metrics of a worker."""

import pytest

from scheduler.plugin_api.metrics import Metric, MetricKind, Sample
from scheduler.plugin_api.mounts import PageRequest
from scheduler.plugin_api.services import LeadershipChange
from scheduler.plugin_api.values import RunState
from scheduler_monitoring import figures
from scheduler_monitoring.figures import Page
from scheduler_monitoring.worker_page import WorkerFigures, WorkerPageAnswer
from tests.plugins.monitoring.pages import (
    NOON,
    checked_by_promtool,
    leading_worker,
    measure,
    names,
    value,
)

BACKLOG = Metric(
    "scheduler_log_archive_pending", MetricKind.GAUGE, "Logs to upload.", [Sample(3.0)]
)


class Shown:
    """A worker's page, with what it is told."""

    def __init__(self, max_jobs: int = 100, token: str = "", plugins=()) -> None:
        self.figures = WorkerFigures(lambda: max_jobs)
        self.worker = leading_worker(tuple(plugins))
        self.answer = WorkerPageAnswer(self.figures, self.worker, lambda: token)

    def page(self, **headers: str) -> bytes:
        answer = self.answer(PageRequest("/metrics", {}, headers))
        assert answer.status == 200
        return answer.body

    def status(self, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.answer(PageRequest("/metrics", {}, named)).status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_scheduler_token": "wrong"},
        {"x_scheduler_token": "secre"},
        {"authorization": "Bearer"},
        {"authorization": "Basic secret"},
        {"authorization": "Bearer wrong"},
        {"x_scheduler_token": "別の言葉"},
    ],
)
def test_without_the_token_nothing_is_shown(headers):
    shown = Shown(token="secret")
    assert shown.status(**headers) == 401
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    assert b"scheduler_" not in shown.answer(PageRequest("/metrics", {}, named)).body


@pytest.mark.parametrize(
    "headers",
    [
        {"x_scheduler_token": "secret"},
        {"authorization": "Bearer secret"},
        {"authorization": "bearer secret"},
    ],
)
def test_with_the_token_it_is(headers):
    assert Shown(token="secret").status(**headers) == 200


def test_the_format_is_what_promtool_wants():
    shown = Shown(plugins=[BACKLOG])
    shown.figures.measured([measure(write_bytes=1), measure(attempt=2, state=RunState.FAILED)])
    shown.figures.leadership_changed(LeadershipChange("w-1", 7, True, NOON))
    shown.figures.traced("run", "exported", 2)
    assert checked_by_promtool(shown.page()) == ""


def test_every_figure_of_workers_is_shown_and_no_other():
    shown = Shown()
    shown.figures.measured([measure(write_bytes=1)])
    ours = {one.name for one in figures.FIGURES if one.page is Page.WORKER}
    found = {name for name in names(shown.page()) if name.startswith("scheduler_")}
    assert found == ours


def test_a_run_is_counted_with_what_it_took():
    shown = Shown()
    shown.figures.measured([measure()])
    page = shown.page()
    finished = "scheduler_worker_runs_finished_total"
    assert value(page, finished, job_name="report", state="SUCCEEDED") == 1
    assert value(page, "scheduler_run_lateness_seconds_sum", job_name="report") == 0.02
    assert value(page, "scheduler_run_queue_wait_seconds_sum", queue="default") == 0.02
    assert value(page, "scheduler_run_duration_seconds_sum", job_name="report") == 2.0
    assert value(page, "scheduler_run_cpu_seconds_sum", job_name="report") == pytest.approx(0.4)
    assert value(page, "scheduler_run_max_rss_bytes_sum", job_name="report") == 50 * 2**20
    assert value(page, "scheduler_run_read_bytes_sum", job_name="report") == 4096
    assert value(page, "scheduler_run_write_bytes_count", job_name="report") is None


def test_a_retry_is_counted_and_is_not_late():
    shown = Shown()
    shown.figures.measured([measure(attempt=2)])
    page = shown.page()
    assert value(page, "scheduler_worker_retries_total", job_name="report") == 1
    assert value(page, "scheduler_run_lateness_seconds_count", job_name="report") is None
    assert value(page, "scheduler_run_queue_wait_seconds_count", queue="default") == 1


def test_a_run_without_a_process_is_counted_and_not_measured():
    shown = Shown()
    shown.figures.measured(
        [
            measure(
                state=RunState.FAILED,
                started_at=None,
                cpu_user_seconds=None,
                cpu_system_seconds=None,
                max_rss_bytes=None,
                read_bytes=None,
            )
        ]
    )
    page = shown.page()
    finished = "scheduler_worker_runs_finished_total"
    assert value(page, finished, job_name="report", state="FAILED") == 1
    assert value(page, "scheduler_run_duration_seconds_count", job_name="report") is None


def test_a_start_before_its_time_by_a_clock_that_is_off_is_no_negative_wait():
    shown = Shown()
    shown.figures.measured([measure(due_at=measure().finished_at)])
    assert value(shown.page(), "scheduler_run_lateness_seconds_sum", job_name="report") == 0


def test_a_million_jobs_are_a_hundred_series():
    shown = Shown(max_jobs=100)
    shown.figures.measured([measure(job_name=f"job-{number}") for number in range(5000)])
    page = shown.page().decode()
    told_apart = {
        line.split('job_name="')[1].split('"')[0]
        for line in page.splitlines()
        if line.startswith("scheduler_worker_runs_finished_total{")
    }
    assert len(told_apart) == 101 and "_other" in told_apart
    finished = "scheduler_worker_runs_finished_total"
    assert value(page.encode(), finished, job_name="_other", state="SUCCEEDED") == 4900


def test_no_label_names_a_run():
    shown = Shown()
    shown.figures.measured([measure()])
    assert str(measure().run_id) not in shown.page().decode()


def test_the_worker_shows_itself():
    page = Shown().page()
    assert value(page, "scheduler_worker_info", worker_id="w-1", node_id="node-1") == 1
    assert value(page, "scheduler_worker_role", role="leader") == 1
    assert value(page, "scheduler_worker_role", role="worker") == 0
    assert value(page, "scheduler_worker_epoch") == 7
    assert value(page, "scheduler_worker_running_runs") == 3
    assert value(page, "scheduler_worker_capacity_runs") == 8
    expiry = "scheduler_certificate_expiry_timestamp_seconds"
    assert value(page, expiry) == NOON.timestamp()


def test_without_tls_no_expiry_is_shown():
    shown = Shown()
    shown.worker.certificate_expires_at = shown.worker.epoch = None
    assert "certificate" not in shown.page().decode()
    assert value(shown.page(), "scheduler_worker_epoch") == 0


def test_leadership_is_counted_by_what_became_of_it():
    shown = Shown()
    for gained in (True, False, True):
        shown.figures.leadership_changed(LeadershipChange("w-1", 7, gained, NOON))
    assert value(shown.page(), "scheduler_leadership_changes_total", change="gained") == 2
    assert value(shown.page(), "scheduler_leadership_changes_total", change="lost") == 1


def test_the_figures_of_other_plugins_stand_beside_ours():
    failures = Metric(
        "scheduler_plugin_failures_total",
        MetricKind.COUNTER,
        "Failures.",
        [Sample(2.0, {"plugin": "other", "hook": "scheduler_alert"})],
    )
    page = Shown(plugins=[BACKLOG, failures]).page()
    assert value(page, "scheduler_log_archive_pending") == 3
    failed = "scheduler_plugin_failures_total"
    assert value(page, failed, plugin="other", hook="scheduler_alert") == 2


@pytest.mark.parametrize(
    "spoilt",
    [
        Metric("scheduler bad name", MetricKind.GAUGE, "Bad.", [Sample(1.0)]),
        Metric("scheduler_bad", MetricKind.GAUGE, "Bad.", [Sample(1.0, {"a b": "c"})]),
        Metric("scheduler_bad", MetricKind.GAUGE, "Bad.", [Sample(1.0, {"__name__": "up"})]),
        Metric("", MetricKind.COUNTER, "Bad.", [Sample(1.0)]),
        Metric("scheduler_bad", MetricKind.GAUGE, "Bad.", [Sample("many")]),  # type: ignore[arg-type]
        Metric("scheduler_bad", MetricKind.GAUGE, "Bad.", [Sample(None)]),  # type: ignore[arg-type]
        Metric("scheduler_bad", MetricKind.GAUGE, "Bad.", [Sample(1.0, {1: "c"})]),  # type: ignore[dict-item]
    ],
)
def test_a_figure_that_prometheus_would_refuse_is_left_out_and_spoils_nothing(spoilt):
    page = Shown(plugins=[spoilt, BACKLOG]).page()
    assert checked_by_promtool(page) == ""
    assert b"bad" not in page
    assert value(page, "scheduler_log_archive_pending") == 3


def test_a_label_that_is_no_text_is_shown_as_one():
    numbered = Metric("scheduler_shard", MetricKind.GAUGE, "Shards.", [Sample(1.0, {"shard": 7})])  # type: ignore[dict-item]
    assert value(Shown(plugins=[numbered]).page(), "scheduler_shard", shard="7") == 1


def test_a_page_that_is_asked_for_twice_shows_each_figure_once():
    shown = Shown()
    again = WorkerPageAnswer(shown.figures, shown.worker, lambda: "")
    page = again(PageRequest("/metrics", {}, {})).body
    assert page.count(b"# TYPE scheduler_worker_epoch") == 1


def test_a_plugin_cannot_bring_a_figure_twice_nor_one_of_ours():
    ours = Metric("scheduler_worker_epoch", MetricKind.GAUGE, "Mine.", [Sample(99.0)])
    page = Shown(plugins=[BACKLOG, BACKLOG, ours]).page()
    assert page.count(b"# TYPE scheduler_log_archive_pending") == 1
    assert value(page, "scheduler_worker_epoch") == 7
