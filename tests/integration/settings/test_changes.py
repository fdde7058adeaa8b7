"""Settings in the RDB: changed by people, checked, recorded, announced, shown."""

import json

import pytest
from django.db import OperationalError
from django.db.models import QuerySet

from scheduler.domain.errors import DatabaseUnavailable, InvalidSetting
from scheduler.models import (
    AdminActionLog,
    Cluster,
    ConfigReloadRequest,
    SchedulerSetting,
    SchedulerSettingHelp,
    WorkerLease,
)
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.resolution import SettingsConflict, Source, UnknownSettings
from scheduler.queries.settings import SettingView, effective_settings, reload_status
from scheduler.requests.settings import change_settings, request_reload
from scheduler.store.settings import read_setting_rows

pytestmark = pytest.mark.usefixtures("database")

MODELS = [CoreSettings]
BATCH = "SCHEDULER_LEADER_PING_BATCH_SIZE"
TOKEN = "SCHEDULER_EVENTS_API_TOKEN"


def change(changes: dict[str, str | None]) -> int:
    return change_settings(changes, by="hanako", models=MODELS, environ={})


def view(key: str, environ: dict[str, str] | None = None) -> SettingView:
    return next(one for one in effective_settings(MODELS, environ or {}) if one.key == key)


def nothing_happened() -> bool:
    stored = (SchedulerSetting, ConfigReloadRequest, AdminActionLog)
    revisions = Cluster.objects.values_list("config_revision", flat=True)
    return not any(model.objects.exists() for model in stored) and set(revisions) <= {0}


def test_a_change_is_stored_recorded_and_announced():
    revision = change({BATCH: "30"})
    assert read_setting_rows() == {BATCH: "30"}
    assert Cluster.objects.get().config_revision == revision
    request = ConfigReloadRequest.objects.get()
    assert (request.revision, request.requested_by, request.keys) == (revision, "hanako", [BATCH])
    entry = AdminActionLog.objects.get()
    assert (entry.actor, entry.action, entry.target) == ("hanako", "setting_changed", BATCH)


def test_each_change_raises_the_revision():
    first, second = change({BATCH: "30"}), change({BATCH: "31"})
    assert second == first + 1
    assert request_reload(by="taro") == second + 1
    assert read_setting_rows() == {BATCH: "31"}


def test_unsetting_brings_back_what_is_below():
    change({BATCH: "30"})
    change({BATCH: None})
    assert read_setting_rows() == {}
    assert view(BATCH, {BATCH: "20"}).value == "20"
    assert AdminActionLog.objects.latest("id").action == "setting_unset"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({BATCH: "0"}, InvalidSetting),
        ({"SCHEDULER_LEADER_STALE_SECONDS": "11"}, SettingsConflict),
        ({"SCHEDULER_NODE_ID": "n"}, InvalidSetting),
        ({"SCHEDULER_LEADER_PING_BATCH": "3"}, UnknownSettings),
        ({"SCHEDULER_ASSIGN_AHEAD_SECONDS": "3", BATCH: "0"}, InvalidSetting),
    ],
)
def test_a_refused_change_leaves_nothing_behind(changes, error):
    with pytest.raises(error):
        change(changes)
    assert nothing_happened()


def test_an_unknown_setting_is_answered_with_the_nearest():
    with pytest.raises(UnknownSettings, match=f"did you mean {BATCH}"):
        change({"SCHEDULER_LEADER_PING_BATCH": "3"})


def test_values_that_only_fit_together_can_be_changed_together():
    change({"SCHEDULER_LEADER_STALE_SECONDS": "11", "SCHEDULER_LEADER_TRUST_SECONDS": "12"})
    with pytest.raises(SettingsConflict):
        change({"SCHEDULER_LEADER_TRUST_SECONDS": None})


def test_a_secret_is_stored_and_never_shown():
    change({TOKEN: "sesame-open"})
    assert read_setting_rows()[TOKEN] == "sesame-open"
    assert view(TOKEN).value == "***"
    assert "sesame" not in repr(effective_settings(MODELS, {}))
    records = [*AdminActionLog.objects.values(), *ConfigReloadRequest.objects.values()]
    assert "sesame" not in json.dumps(records, default=str)


def test_the_page_shows_value_source_and_help():
    change({BATCH: "30"})
    shown = view(BATCH, {BATCH: "20"})
    assert (shown.value, shown.default, shown.source) == ("30", "50", Source.RDB)
    assert (shown.minimum, shown.maximum) == (1, 1000)
    assert shown.editable
    assert shown.title.ja == "リーダー ping の同時数"
    assert shown.limits.en == "a whole number from 1 to 1000 (workers)"
    assert not view("SCHEDULER_NODE_ID").editable


def test_the_page_says_why_a_row_is_ignored():
    SchedulerSetting.objects.create(key=BATCH, value="many")
    shown = view(BATCH, {BATCH: "20"})
    assert (shown.value, shown.source) == ("20", Source.ENVIRONMENT)
    assert "'many'" in shown.problem


def test_a_reworded_help_text_is_the_one_shown():
    SchedulerSettingHelp.objects.create(key=BATCH, title_ja="うちの ping 数")
    shown = view(BATCH)
    assert (shown.title.ja, shown.title.en) == ("うちの ping 数", "Leader ping batch")


def lease(worker_id: str, **fields: object) -> WorkerLease:
    return WorkerLease.objects.create(
        worker_id=worker_id,
        node_id="n",
        hostname="h",
        pid=1,
        grpc_address="127.0.0.1:1",
        capacity=1,
        lease_seconds=30,
        margin_seconds=13,
        **fields,
    )


def test_the_page_shows_which_workers_have_applied_the_newest_change():
    assert reload_status() is None
    revision = change({BATCH: "30"})
    lease("w-1", config_revision=revision)
    lease("w-2", config_revision=revision - 1)
    lease("w-3", state="LOST")
    status = reload_status()
    assert status is not None
    assert (status.revision, status.requested_by, status.keys) == (revision, "hanako", (BATCH,))
    assert [(w.worker_id, w.applied) for w in status.workers] == [("w-1", True), ("w-2", False)]


def test_a_running_host_takes_up_what_was_changed():
    host = PluginHost.load([])
    host.configure(rows=read_setting_rows(), environ={})
    change({BATCH: "30", "SCHEDULER_MAX_JOBS_PER_WORKER": "2"})
    reload = host.reload(rows=read_setting_rows(), environ={})
    assert (reload.applied, reload.waiting) == ((BATCH,), ("SCHEDULER_MAX_JOBS_PER_WORKER",))
    assert host.resolved(CoreSettings).settings.leader_ping_batch_size == 30
    assert host.resolved(CoreSettings).settings.max_jobs_per_worker == 8
    again = host.reload(rows=read_setting_rows(), environ={})
    assert (again.applied, again.waiting) == ((), ("SCHEDULER_MAX_JOBS_PER_WORKER",))


def test_a_reload_that_cannot_be_done_stops_nobody():
    host = PluginHost.load([])
    host.configure(rows={}, environ={})
    reload = host.reload(rows={}, environ={BATCH: "many"})
    assert reload.applied == ()
    assert "'many'" in reload.problems[0].sentence
    assert host.resolved(CoreSettings).settings.leader_ping_batch_size == 50


def test_a_database_that_does_not_answer_is_told_as_such(monkeypatch):
    def gone(*_: object, **__: object) -> None:
        raise OperationalError("password=hunter22 refused")

    monkeypatch.setattr(QuerySet, "values_list", gone)
    with pytest.raises(DatabaseUnavailable) as caught:
        read_setting_rows()
    assert "hunter22" not in str(caught.value)
