import json
import subprocess
import sys

import pytest

from scheduler import requests
from scheduler.domain.values import RunState
from tests.contract.store.world import World, result
from tests.integration.store_commands.conftest import Call


def test_an_empty_cluster_is_told_how_to_begin(world: World, call: Call):
    told = call("scheduler_status")
    assert told.code == 1
    assert "leader none" in told.out
    assert "manage.py scheduler_worker" in told.out
    assert "Runs: none" in told.out


def test_a_led_cluster_is_fine(led: World, call: Call):
    led.worker("w-2", node_id="node-2")
    led.cluster.name_subleader(led.fence, "w-2")
    told = call("scheduler_status")
    assert told.code == 0
    assert "Epoch 1, leader w-1 at w-1:50051" in told.out
    assert "w-1 on node-1: leader, 0/10 runs" in told.out
    assert "w-2 on node-2: subleader" in told.out


def test_a_leader_not_seen_for_longer_than_it_is_trusted_is_none(led: World, call: Call):
    led.value("UPDATE scheduler_cluster SET trust_seconds = -1 RETURNING 1")
    told = call("scheduler_status")
    assert told.code == 1
    assert "take over within seconds" in told.out


def test_what_is_unusual_about_a_worker_is_said(led: World, call: Call):
    requests.request_drain("w-1", by="ann")
    led.leases.mark_suspect(led.fence, ["w-1"], suspect=True)
    led.worker("w-2")
    led.lose("w-2")
    requests.pause(by="ann")
    told = call("scheduler_status")
    assert "[draining, SUSPECT]" in told.out
    assert "w-2 on node-1: LOST" in told.out
    assert "PAUSED" in told.out


def test_runs_are_counted_and_the_newest_shown(led: World, call: Call):
    first, second = led.plan(led.define(), 2)
    token = led.start([first])[first]
    led.workers.finish("w-1", [result(first, token, RunState.FAILED, exit_code=3)])
    told = call("scheduler_status")
    assert "Runs: PENDING 1, FAILED 1" in told.out
    assert str(first) in told.out
    assert str(second) in told.out


def test_as_json_it_is_one_object(led: World, call: Call):
    led.plan(led.define())
    requests.save_definition(
        "later", by="ann", command_name="noop", schedule={"kind": "daily", "at": "09:00"}
    )
    told = call("scheduler_status", "--json")
    found = json.loads(told.out)
    assert (found["epoch"], found["has_leader"], found["leader_worker_id"]) == (1, True, "w-1")
    assert found["workers"][0]["role"] == "leader"
    assert found["runs"]["PENDING"] == 1
    assert [due["job_name"] for due in found["due_next"]] == ["report"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://u:secret@127.0.0.1:1/db", "does not answer"),
        ("sqlite:////nowhere/at/all.sqlite3", "does not answer"),
        ("sqlite:///{folder}/empty.sqlite3", "run manage.py migrate"),
    ],
)
@pytest.mark.parametrize("command", [["scheduler_status"], ["scheduler_run", "report"]])
def test_without_a_database_one_sentence_is_said(tmp_path, command, url: str, sentence: str):
    done = subprocess.run(
        [sys.executable, "-m", "django", *command],
        check=False,
        env={
            "PYTHONPATH": ":".join(part for part in sys.path if part),
            "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
            "DJANGO_SECRET_KEY": "x",
            "DATABASE_URL": url.format(folder=tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "secret" not in done.stderr
