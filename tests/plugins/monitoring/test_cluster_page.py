"""/metrics of the web process."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client, override_settings

from scheduler.domain.values import Reason, RunState
from scheduler.queries.plugins import forget_plugins, plugin_host
from scheduler_monitoring import figures
from scheduler_monitoring.access import may_read
from scheduler_monitoring.certificates import write_note
from scheduler_monitoring.figures import Page
from scheduler_monitoring.tallies import count_ledger
from tests.contract.store.world import World, result
from tests.plugins.monitoring.pages import checked_by_promtool, names, value

type Scrape = Callable[..., bytes]


def count() -> None:
    while not count_ledger(datetime.now(UTC) + timedelta(minutes=1), lambda: 100):
        pass


@pytest.fixture
def begun(world: World) -> World:
    """Counting has begun an hour ago."""
    count_ledger(datetime.now(UTC) - timedelta(hours=1), lambda: 100)
    return world


@pytest.fixture
def client() -> Iterator[Client]:
    with override_settings(ROOT_URLCONF="scheduler_monitoring.urls"):
        yield Client()


@pytest.fixture
def scrape(client: Client) -> Scrape:
    def ask(**headers: str) -> bytes:
        answer = client.get("/metrics", headers=headers)
        assert answer.status_code == 200, answer.content
        return answer.content

    return ask


def end(world: World, runs, state=RunState.SUCCEEDED) -> None:
    tokens = world.start(runs)
    world.workers.finish("w-1", [result(run, token, state) for run, token in tokens.items()])


def test_without_the_token_nothing_is_shown(world, client, monkeypatch):
    monkeypatch.setenv("SCHEDULER_METRICS_TOKEN", "secret")
    forget_plugins()
    assert client.get("/metrics").status_code == 401
    wrong = client.get("/metrics", headers={"x-scheduler-token": "wrong"})
    assert wrong.status_code == 401 and b"scheduler_" not in wrong.content
    right = client.get("/metrics", headers={"authorization": "Bearer secret"})
    assert right.status_code == 200


def test_a_token_need_not_be_ascii():
    """Servers read what came as Latin-1."""
    sent = "合言葉".encode()
    for name in ("x-scheduler-token", "authorization"):
        shown = sent if name.startswith("x") else b"Bearer " + sent
        assert may_read("合言葉", {name: shown.decode("latin-1")})
    assert not may_read("合言葉", {"x-scheduler-token": "合言葉!"})
    assert not may_read("secret", {})


def test_a_database_that_does_not_answer_is_503_without_a_traceback(world, client, monkeypatch):
    from django.db import OperationalError

    from scheduler_monitoring import views

    def away():
        raise OperationalError("password=hunter2 refused")

    monkeypatch.setattr(views, "cluster_status", away)
    answer = client.get("/metrics")
    assert answer.status_code == 503
    assert b"hunter2" not in answer.content and b"Traceback" not in answer.content


def test_only_reading_is_allowed(world, client):
    assert client.post("/metrics").status_code == 405


def test_the_format_is_what_promtool_wants(begun, scrape):
    report = begun.define("report")
    end(begun, begun.plan(report))
    begun.plan(report, attempt=2)
    count()
    assert checked_by_promtool(scrape()) == ""


def test_every_figure_of_the_cluster_is_shown_and_no_other(begun, scrape):
    end(begun, begun.plan(begun.define("report")))
    count()
    write_note("w-1", datetime.now(UTC))
    ours = {one.name for one in figures.FIGURES if one.page is Page.CLUSTER}
    found = {name for name in names(scrape()) if name.startswith("scheduler_")}
    assert found == ours


def test_an_empty_cluster_shows_zeros_where_rules_look(world, scrape):
    world.leases.leave("w-1")
    page = scrape()
    assert value(page, "scheduler_workers", state="online") == 0
    assert value(page, "scheduler_oldest_late_run_seconds") == 0
    assert value(page, "scheduler_jobs_quarantined") == 0
    assert value(page, "scheduler_workers_high_load") == 0


def test_workers_are_counted_by_the_state_they_are_in(world, scrape):
    world.worker("w-2")
    world.worker("w-3")
    begun = "UPDATE scheduler_worker_lease SET suspect_since = renewed_at WHERE worker_id = 'w-2'"
    world.value(f"{begun} RETURNING 1")
    world.value(
        "UPDATE scheduler_worker_lease SET desired = 'draining' WHERE worker_id = 'w-3' RETURNING 1"
    )
    page = scrape()
    states = ("online", "suspect", "draining", "detached")
    assert [value(page, "scheduler_workers", state=state) for state in states] == [1, 1, 1, 0]


def test_load_is_compared_with_the_threshold(world, scrape, monkeypatch):
    world.value(
        "UPDATE scheduler_worker_lease SET open_runs = 7, capacity = 8"
        " WHERE worker_id = 'w-1' RETURNING 1"
    )
    node = world.value("SELECT node_id FROM scheduler_worker_lease WHERE worker_id = 'w-1'")
    assert value(scrape(), "scheduler_node_load_ratio", node_id=node) == 0.875
    assert value(scrape(), "scheduler_workers_high_load") == 0
    monkeypatch.setenv("SCHEDULER_WORKER_HIGH_LOAD_THRESHOLD", "0.8")
    forget_plugins()
    assert value(scrape(), "scheduler_workers_high_load") == 1
    assert value(scrape(), "scheduler_worker_high_load_threshold_ratio") == 0.8


def test_the_soonest_end_of_a_certificate_on_each_node_is_shown_of_workers_that_live(world, scrape):
    expiry = "scheduler_node_certificate_expiry_timestamp_seconds"
    node = world.value("SELECT node_id FROM scheduler_worker_lease WHERE worker_id = 'w-1'")
    assert value(scrape(), expiry, node_id=node) is None
    world.worker("w-2", node_id=node)
    world.worker("w-3", node_id="another")
    noon = datetime(2026, 1, 2, 3, tzinfo=UTC)
    for number, worker in enumerate(("gone", "w-1", "w-2", "w-3")):
        write_note(worker, noon + timedelta(days=number))
    page = scrape()
    assert value(page, expiry, node_id=node) == (noon + timedelta(days=1)).timestamp()
    assert value(page, expiry, node_id="another") == (noon + timedelta(days=3)).timestamp()


def test_the_leader_and_its_epoch_are_shown(world, scrape):
    page = scrape()
    assert value(page, "scheduler_leader_present") == 1
    assert value(page, "scheduler_epoch") == value(page, "scheduler_takeovers_total") == 1
    world.elect("w-1")
    assert value(scrape(), "scheduler_takeovers_total") == 2
    world.value("UPDATE scheduler_cluster SET released = true RETURNING 1")
    assert value(scrape(), "scheduler_leader_present") == 0


def test_open_runs_are_shown_by_state_and_queue(world, scrape):
    world.plan(world.define("report", queue="heavy"), 3)
    page = scrape()
    assert value(page, "scheduler_open_runs", state="PENDING", queue="heavy") == 3
    assert value(page, "scheduler_open_runs", state="RUNNING", queue="heavy") == 0


def test_a_run_that_waits_without_a_wish_is_late_and_one_held_on_purpose_is_not(world, scrape):
    held, late = world.plan(world.define("report"), 2)
    world.value(
        "UPDATE scheduler_job_run SET due_at = %(at)s, reason = 'WAIT_UPSTREAM'"
        " WHERE id = %(id)s RETURNING 1",
        at=datetime.now(UTC) - timedelta(hours=1),
        id=held,
    )
    world.value(
        "UPDATE scheduler_job_run SET due_at = %(at)s, reason = 'WAIT_CAPACITY'"
        " WHERE id = %(id)s RETURNING 1",
        at=datetime.now(UTC) - timedelta(seconds=90),
        id=late,
    )
    page = scrape()
    assert value(page, "scheduler_waiting_runs", reason="WAIT_UPSTREAM") == 1
    assert value(page, "scheduler_waiting_runs", reason="WAIT_CAPACITY") == 1
    seconds = value(page, "scheduler_oldest_late_run_seconds")
    assert seconds is not None and 90 <= seconds < 150


def test_a_run_of_the_future_is_not_late(world, scrape):
    world.plan(world.define("report"), due_at=datetime.now(UTC) + timedelta(hours=1))
    assert value(scrape(), "scheduler_oldest_late_run_seconds") == 0


def test_counters_stay_when_the_leader_changes(begun, scrape):
    end(begun, begun.plan(begun.define("report")))
    count()
    begun.worker("w-2")
    begun.elect("w-2")
    count()
    finished = "scheduler_runs_finished_total"
    assert value(scrape(), finished, job_name="report", state="SUCCEEDED") == 1


def test_a_job_begins_at_zero_so_that_its_first_failure_is_an_increase(world, scrape):
    world.define("report")
    finished = "scheduler_runs_finished_total"
    assert value(scrape(), finished, job_name="report", state="FAILED") == 0


def test_a_job_begins_at_zero_so_that_its_first_late_slots_are_an_increase(world, scrape):
    world.define("report")
    skipped = "scheduler_slots_skipped_total"
    assert value(scrape(), skipped, job_name="report", reason="SKIP_LATE") == 0
    assert value(scrape(), skipped, job_name="_other", reason="SKIP_LATE") == 0
    assert value(scrape(), "scheduler_run_retries_total", job_name="report") == 0


def test_what_one_web_process_counts_by_itself_is_not_the_clusters(world, scrape):
    host = plugin_host()
    host.not_measured(RuntimeError("no"))
    assert host.failures
    assert value(scrape(), "scheduler_workers", state="online") == 1
    assert b"scheduler_plugin_failures_total" not in scrape()


def test_skipped_slots_are_shown_by_their_reason(begun, scrape):
    (run,) = begun.plan(begun.define("report"), slot_count=40)
    begun.leader.skip(begun.fence, [(run, Reason.MISFIRE_SKIPPED, "")])
    count()
    skipped = "scheduler_slots_skipped_total"
    assert value(scrape(), skipped, job_name="report", reason="MISFIRE_SKIPPED") == 40


def test_the_last_failure_of_a_job_is_shown_while_it_is_enabled(begun, scrape):
    report = begun.define("report")
    end(begun, begun.plan(report), RunState.TIMED_OUT)
    count()
    last = "scheduler_job_last_failure_timestamp_seconds"
    shown = value(scrape(), last, job_name="report")
    assert shown is not None and abs(shown - datetime.now(UTC).timestamp()) < 60
    assert (
        value(scrape(), "scheduler_job_last_success_timestamp_seconds", job_name="report") is None
    )
    begun.value("UPDATE scheduler_job_definition SET enabled = false RETURNING 1")
    assert value(scrape(), last, job_name="report") is None


def test_the_switches_of_the_alerts_are_shown(world, scrape, monkeypatch):
    assert value(scrape(), "scheduler_alert_high_load_enabled") == 1
    monkeypatch.setenv("SCHEDULER_ALERT_HIGH_LOAD_ENABLED", "false")
    monkeypatch.setenv("SCHEDULER_ALERT_ROLE_CHANGE_ENABLED", "false")
    forget_plugins()
    assert value(scrape(), "scheduler_alert_high_load_enabled") == 0
    assert value(scrape(), "scheduler_alert_role_change_enabled") == 0
