import json
from uuid import uuid4

from scheduler import requests
from tests.contract.store.world import World
from tests.integration.store_commands.conftest import Call


def test_a_run_is_told_by_its_id_and_a_job_by_its_name(led: World, call: Call):
    (run,) = led.plan(led.define())
    requests.pause(by="ann")
    for what in (str(run), "report"):
        told = call("scheduler_why", what)
        assert told.code == 0
        assert "WAIT_PAUSED: The cluster is paused" in told.out


def test_as_json_it_is_one_object(led: World, call: Call):
    (run,) = led.plan(led.define())
    requests.pause(by="ann")
    told = json.loads(call("scheduler_why", str(run), "--json").out)
    assert told["code"] == "SKIP_LATE"
    assert told["until"] is None
    others = [other["code"] for other in told["more"]]
    assert others == ["WAIT_PAUSED", "WAIT_NO_CAPABILITY"]
    job = json.loads(call("scheduler_why", "report", "--json").out)
    assert job["last_runs"][0]["run_id"] == str(run)


def test_it_speaks_japanese(led: World, call: Call):
    (run,) = led.plan(led.define())
    requests.pause(by="ann")
    assert "一時停止中" in call("scheduler_why", str(run), "--lang", "ja").out


def test_who_is_not_known_is_refused_in_one_sentence(led: World, call: Call):
    for what in (str(uuid4()), "nobody"):
        told = call("scheduler_why", what)
        assert told.code == 2
        assert len(told.err.strip().splitlines()) == 1
