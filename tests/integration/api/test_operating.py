"""Backfills, events, the cluster and the settings over the REST API."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from scheduler.domain.tokens import TokenScope
from scheduler.models import (
    AdminActionLog,
    Backfill,
    Cluster,
    Event,
    JobRun,
    SchedulerSetting,
    WorkerLease,
)
from scheduler.requests import save_definition
from scheduler.requests.roles import OPS_ADMIN
from tests.integration.api.callers import Api, code_of, token_api, user_api

pytestmark = pytest.mark.usefixtures("database")

RANGE = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-04T00:00:00Z"}
SECRET = "SCHEDULER_EVENTS_API_TOKEN"
BATCH = "SCHEDULER_LEADER_PING_BATCH_SIZE"


@pytest.fixture
def nightly(database) -> str:
    save_definition(
        "nightly", by="t", command_name="noop", schedule={"kind": "daily", "at": "00:00"}
    )
    return "nightly"


def worker(worker_id: str = "w-1", **changes) -> WorkerLease:
    values = {
        "node_id": "n",
        "hostname": "h",
        "pid": 1,
        "grpc_address": f"{worker_id}:50051",
        "capacity": 4,
        "lease_seconds": 10,
        "margin_seconds": 5,
    } | changes
    return WorkerLease.objects.create(worker_id=worker_id, **values)


# ------------------------------------------------------------------------------------ backfills


def test_a_dry_run_shows_the_slots_and_writes_nothing(api: Api, nightly: str):
    response = api.post("jobs/nightly/backfill", RANGE | {"dry_run": True})
    assert response.status_code == 200
    assert response.json() == {
        "job_name": "nightly",
        "slots": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"],
        "covered": 0,
    }
    assert not Backfill.objects.exists()


def test_a_backfill_is_asked_for_watched_and_ended(api: Api, nightly: str):
    response = api.post("jobs/nightly/backfill", RANGE | {"pace": 2, "args": ["--again"]})
    assert response.status_code == 202
    body = api.get(response["Location"]).json()
    assert (body["state"], body["waiting"], body["runs"], body["pace"]) == ("running", 3, {}, 2)
    assert body["requested_by"] == "token:ci"
    assert [one["backfill_id"] for one in api.get("backfills").json()["backfills"]] == [
        body["backfill_id"]
    ]
    ended = api.post(f"backfills/{body['backfill_id']}/cancel").json()
    assert ended["state"] == "canceled"
    again = api.post(f"backfills/{body['backfill_id']}/cancel", {"cancel_runs": False})
    assert again.status_code == 200
    assert AdminActionLog.objects.filter(action__startswith="backfill_").count() == 2


def test_progress_counts_the_newest_attempt_of_each_slot(api: Api, nightly: str):
    made = api.post("jobs/nightly/backfill", RANGE).json()
    slots = list(Backfill.objects.get().slots.order_by("scheduled_for"))
    for slot, states in zip(slots, (["FAILED", "SUCCEEDED"], ["FAILED"]), strict=False):
        slot.request_id = uuid4()
        slot.save()
        for attempt, state in enumerate(states, start=1):
            JobRun.objects.create(
                definition=Backfill.objects.get().definition,
                slot_key=slot.slot_key,
                attempt=attempt,
                state=state,
                scheduled_for=slot.scheduled_for,
                due_at=slot.scheduled_for,
                finished_at=datetime.now(UTC),
            )
    body = api.get(f"backfills/{made['backfill_id']}").json()
    assert (body["waiting"], body["runs"]) == (1, {"SUCCEEDED": 1, "FAILED": 1})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"until": "2025-01-01T00:00:00Z"}, "INVALID_BACKFILL"),
        ({"until": "2999-01-01T00:00:00Z"}, "INVALID_BACKFILL"),
        ({"limit": 2}, "INVALID_BACKFILL"),
        ({"limit": 10_001}, "INVALID_FIELDS"),
        ({"pace": 0}, "INVALID_FIELDS"),
        ({"pace": "2"}, "INVALID_FIELDS"),
        ({"since": "2026-01-01"}, "INVALID_FIELDS"),
        ({"to": "x"}, "INVALID_FIELDS"),
    ],
)
def test_a_backfill_that_cannot_be_is_refused(api: Api, nightly: str, changes, code):
    response = api.post("jobs/nightly/backfill", RANGE | changes)
    assert (response.status_code, code_of(response)) == (422, code)
    assert not Backfill.objects.exists()


def test_backfills_come_page_by_page(api: Api, nightly: str):
    for _ in range(3):
        api.post("jobs/nightly/backfill", RANGE | {"only_missing": False})
    first = api.get("backfills?limit=2&job=nightly").json()
    second = api.get(f"backfills?limit=2&cursor={first['next']}").json()
    assert (len(first["backfills"]), len(second["backfills"]), second["next"]) == (2, 1, None)
    assert code_of(api.get(f"backfills/{uuid4()}")) == "BACKFILL_NOT_FOUND"


# --------------------------------------------------------------------------------------- events


def test_events_are_listed_without_payload_and_shown_with_it(api: Api):
    made = [
        Event.objects.create(type=f"order.{kind}", source="shop", payload={"n": kind})
        for kind in ("made", "paid", "sent")
    ]
    first = api.get("events?limit=2").json()
    assert [event["type"] for event in first["events"]] == ["order.sent", "order.paid"]
    assert "payload" not in first["events"][0]
    last = api.get(f"events?limit=2&cursor={first['next']}").json()
    assert [event["type"] for event in last["events"]] == ["order.made"]
    assert api.get(f"events/{made[0].pk}").json()["payload"] == {"n": "made"}
    assert [event["type"] for event in api.get("events?type=order.paid").json()["events"]] == [
        "order.paid"
    ]
    assert code_of(api.get(f"events/{uuid4()}")) == "EVENT_NOT_FOUND"


def test_events_are_filtered_by_when_they_came(api: Api):
    Event.objects.create(type="a")
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert api.get(f"events?received_from={soon}").json()["events"] == []
    assert len(api.get(f"events?received_until={soon}&source=").json().get("events", [])) == 0
    assert len(api.get(f"events?received_until={soon}").json()["events"]) == 1


# ------------------------------------------------------------------------------------ the cluster


def test_the_cluster_and_its_workers_are_shown(api: Api):
    worker("w-1", queues=["default"], labels={"zone": "a"})
    Cluster.objects.update(
        leader_worker_id="w-1", leader_seen_at=datetime.now(UTC), trust_seconds=5, epoch=3
    )
    body = api.get("cluster").json()
    assert (body["has_leader"], body["epoch"], body["live_workers"]) == (True, 3, 1)
    assert body["runs"]["RUNNING"] == 0
    (shown,) = api.get("workers").json()["workers"]
    assert (shown["role"], shown["labels"]) == ("leader", {"zone": "a"})
    assert api.get("workers/w-1").json()["worker_id"] == "w-1"


def test_a_worker_is_drained_detached_and_brought_back(api: Api):
    worker()
    assert api.post("workers/w-1/drain").json()["desired"] == "draining"
    assert api.post("workers/w-1/detach").json()["desired"] == "detached"
    assert api.post("workers/w-1/activate").json()["desired"] == "active"
    actions = AdminActionLog.objects.filter(actor="token:ci").values_list("action", flat=True)
    assert set(actions) == {"worker_drained", "worker_detached", "worker_activated"}
    assert code_of(api.post("workers/w-9/drain")) == "WORKER_NOT_FOUND"


def test_the_leader_is_degraded_where_there_is_one(api: Api):
    response = api.post("cluster/degrade-leader")
    assert (response.status_code, code_of(response)) == (409, "NO_LEADER")
    Cluster.objects.update(leader_worker_id="w-1")
    assert api.post("cluster/degrade-leader").json() == {"leader_worker_id": "w-1"}
    assert Cluster.objects.get().degrade_requested


def test_the_cluster_is_paused_and_resumed_once(api: Api):
    assert api.post("cluster/pause").json() == {"paused": True, "changed": True}
    assert api.post("cluster/pause").json() == {"paused": True, "changed": False}
    assert api.get("cluster").json()["paused"] is True
    assert api.post("cluster/resume").json() == {"paused": False, "changed": True}
    assert AdminActionLog.objects.filter(action__startswith="cluster_").count() == 2


# ----------------------------------------------------------------------------------- the settings


def test_settings_are_shown_with_their_help_and_without_secrets(api: Api, monkeypatch):
    monkeypatch.setenv(SECRET, "a-token-nobody-may-see")
    response = api.get("settings")
    assert b"a-token-nobody-may-see" not in response.content
    found = {one["key"]: one for one in response.json()["settings"]}
    assert found[SECRET]["secret"] is True
    assert found[BATCH]["title"]["ja"]
    assert found[BATCH]["minimum"] is not None
    assert api.get(f"settings/{BATCH}").json() == found[BATCH]
    assert [one["key"] for one in api.get("settings?search=ping_batch").json()["settings"]] == [
        BATCH
    ]
    assert code_of(api.get("settings/SCHEDULER_NOTHING")) == "SETTING_NOT_FOUND"


def test_settings_are_changed_together_and_their_reload_is_followed(api: Api):
    assert api.get("settings/reload").json()["revision"] == 0
    worker(config_revision=0)
    body = api.call("PATCH", "settings", {"changes": {BATCH: "30"}}).json()
    assert (body["revision"], body["keys"], body["requested_by"]) == (1, [BATCH], "token:ci")
    assert [one["applied"] for one in body["workers"]] == [False]
    WorkerLease.objects.update(config_revision=1)
    assert [one["applied"] for one in api.get("settings/reload").json()["workers"]] == [True]
    assert api.get(f"settings/{BATCH}").json()["source"] == "rdb"
    api.call("PATCH", "settings", {"changes": {BATCH: None}})
    assert not SchedulerSetting.objects.exists()
    assert api.post("settings/reload").json()["revision"] == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({BATCH: "0"}, "INVALID_SETTING"),
        ({BATCH: "30", "SCHEDULER_LEADER_PING_BATCH_SIZ": "1"}, "UNKNOWN_SETTINGS"),
        ({BATCH: 30}, "INVALID_FIELDS"),
        ({}, "INVALID_FIELDS"),
    ],
)
def test_a_bad_change_changes_nothing(api: Api, changes, code):
    response = api.call("PATCH", "settings", {"changes": changes})
    assert (response.status_code, code_of(response)) == (422, code)
    assert not SchedulerSetting.objects.exists()


def test_a_secret_is_changed_by_a_superuser_or_a_token_and_not_by_an_ops_admin(database):
    wish = {"changes": {SECRET: "x" * 40}}
    admin = user_api(OPS_ADMIN)
    response = admin.call("PATCH", "settings", wish)
    assert (response.status_code, code_of(response)) == (403, "SECRET_REFUSED")
    assert admin.call("PATCH", "settings", {"changes": {BATCH: "31"}}).status_code == 200
    assert user_api(superuser=True).call("PATCH", "settings", wish).status_code == 200
    machine = token_api(TokenScope.SETTINGS_WRITE)
    response = machine.call("PATCH", "settings", wish)
    assert response.status_code == 200
    assert b"xxxx" not in response.content
    assert "x" * 40 not in str(list(AdminActionLog.objects.values()))
