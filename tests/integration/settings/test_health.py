"""What the cluster's rows and the plugins' checks say of its health."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from scheduler.domain.values import DesiredMode, LeaseState, Role
from scheduler.models import SchedulerSetting
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.host import HealthResult, PluginHost
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus
from scheduler.queries import health as module
from scheduler.queries.cluster import ClusterStatus, WorkerStatus

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WELL, WARNING, FAILING = HealthStatus.OK, HealthStatus.WARNING, HealthStatus.FAILING


def worker(name: str = "w-1", **changes: Any) -> WorkerStatus:
    made = WorkerStatus(
        worker_id=name,
        node_id="n",
        hostname="h",
        pid=1,
        address="h:1",
        role=Role.WORKER,
        state=LeaseState.LIVE,
        desired=DesiredMode.ACTIVE,
        suspect=False,
        open_runs=0,
        capacity=10,
        queues=("default",),
        labels={},
        lease_left_seconds=9,
        registered_at=NOW,
        ended_at=None,
        config_revision=0,
        software_version="1",
    )
    return replace(made, **changes)


def cluster(*workers: WorkerStatus, **changes: Any) -> ClusterStatus:
    made = ClusterStatus(
        at=NOW,
        epoch=1,
        leader_worker_id="w-1",
        leader_address="h:1",
        leader_seen_seconds=0.1,
        trust_seconds=10,
        released=False,
        subleader_worker_id=None,
        paused=False,
        config_revision=0,
        workers=workers,
        ended=(),
    )
    return replace(made, **changes)


def statuses(results: tuple[HealthResult, ...]) -> dict[str, HealthStatus]:
    return {one.check: one.report.status for one in results}


def core(status: ClusterStatus, **settings: Any) -> dict[str, HealthStatus]:
    return statuses(module.core_health(status, CoreSettings(**settings)))


def test_a_led_cluster_with_a_worker_is_well():
    assert core(cluster(worker())) == {"leader": WELL, "workers": WELL, "load": WELL}


def test_a_cluster_that_nobody_leads_is_failing():
    assert core(cluster(worker(), leader_seen_seconds=11))["leader"] is FAILING
    assert core(cluster(worker(), released=True))["leader"] is FAILING


def test_fewer_workers_than_wanted_are_failing():
    assert core(cluster(worker()), min_online_workers=2)["workers"] is FAILING
    assert core(cluster(worker(), worker("w-2")), min_online_workers=2)["workers"] is WELL


def test_a_worker_in_doubt_is_not_counted():
    assert core(cluster(worker(suspect=True)))["workers"] is FAILING


@pytest.mark.parametrize(("open_runs", "status"), [(8, WELL), (9, WARNING), (10, WARNING)])
def test_a_full_worker_is_a_warning(open_runs, status):
    assert core(cluster(worker(open_runs=open_runs)))["load"] is status


class Careful(Plugin):
    name = "careful"

    @hookimpl
    def scheduler_health_checks(self):
        return [HealthCheck("storage", lambda: HealthReport(WARNING, "Nearly full."))]


def test_the_plugins_checks_come_after_the_cores(database, monkeypatch):
    host = PluginHost.load(["careful"], {"careful": lambda: Careful})
    monkeypatch.setattr(module, "plugin_host", lambda: host)
    SchedulerSetting.objects.create(key="SCHEDULER_MIN_ONLINE_WORKERS", value="3")
    found = module.health(cluster(worker()))
    assert statuses(found) == {"leader": WELL, "workers": FAILING, "load": WELL, "storage": WARNING}
    assert [one.plugin for one in found] == ["core", "core", "core", "careful"]


def told(*options: str) -> str:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("scheduler_status", *options, stdout=out)
    return out.getvalue()


def test_the_status_tells_what_is_not_well(database):
    text = told()
    assert "Health: 1 of 3 checks are well" in text
    assert "FAILING leader (core): Nobody leads" in text
    assert "load" not in text.partition("Health:")[2]


def test_the_status_as_json_holds_every_check(database):
    checks = json.loads(told("--json"))["health"]
    assert [(one["check"], one["status"]) for one in checks] == [
        ("leader", "failing"),
        ("workers", "failing"),
        ("load", "ok"),
    ]
