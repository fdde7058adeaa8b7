"""Pause, resume, quarantine and release from the shell."""

import json

import pytest

from scheduler import requests
from scheduler.domain.values import Reason
from scheduler.models import AdminActionLog, Cluster
from tests.contract.store.world import World
from tests.integration.store_commands.conftest import Call


def test_a_pause_is_shown_with_who_when_and_why(led: World, call: Call):
    told = call("scheduler_pause", "--reason", "storage is down", "--by", "hanako")
    assert (told.code, told.out) == (0, "Paused: nothing starts until scheduler_resume.\n")
    status = call("scheduler_status").out
    (line,) = [line for line in status.splitlines() if line.startswith("PAUSED")]
    assert "by hanako (storage is down): nothing starts" in line
    found = json.loads(call("scheduler_status", "--json").out)
    assert (found["paused"], found["paused_by"]) == (True, "hanako")
    assert found["pause_reason"] == "storage is down"
    assert found["paused_at"]


def test_a_pause_and_a_resume_happen_once(led: World, call: Call):
    assert call("scheduler_resume").code == 1
    assert call("scheduler_pause").code == 0
    again = call("scheduler_pause")
    assert (again.code, again.err) == (1, "The cluster is paused already; see scheduler_status.")
    assert call("scheduler_resume").out == "Resumed: what waited starts now.\n"
    assert call("scheduler_resume").err == "The cluster is not paused."
    assert not Cluster.objects.get(pk=1).paused


def test_who_asked_is_the_systems_user_unless_said(led: World, call: Call, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "taro")
    call("scheduler_pause")
    call("scheduler_resume", "--by", " ")
    assert set(AdminActionLog.objects.values_list("actor", flat=True)) == {"taro"}


def test_a_user_without_a_name_is_known_by_its_number(led: World, call: Call, monkeypatch):
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    call("scheduler_pause")
    assert Cluster.objects.get(pk=1).paused_by.startswith("uid ")


def test_a_quarantine_is_shown_until_the_release(led: World, call: Call):
    led.define()
    assert (
        call("scheduler_quarantine", "report", "--reason", "floods mail", "--by", "ann").code == 0
    )
    assert "report since" in call("scheduler_status").out
    assert "set by ann: floods mail" in call("scheduler_status").out
    (job,) = json.loads(call("scheduler_status", "--json").out)["quarantined"]
    assert (job["name"], job["reason"]) == ("report", "set by ann: floods mail")
    assert call("scheduler_quarantine", "report").code == 1
    assert call("scheduler_release", "report").out == "Released: report.\n"
    assert call("scheduler_release", "report").err == "Job 'report' is not quarantined."
    assert "Quarantined" not in call("scheduler_status").out


def test_what_the_guard_holds_is_counted(led: World, call: Call):
    first, second, third = led.plan(led.define(), 3)
    held = [(first, Reason.WAIT_START_CAP, "x"), (second, Reason.WAIT_START_CAP, "x")]
    led.leader.wait(led.fence, [*held, (third, Reason.WAIT_CAPACITY, "x")])
    assert "Held back: WAIT_START_CAP 2\n" in call("scheduler_status").out
    assert json.loads(call("scheduler_status", "--json").out)["held"] == {"WAIT_START_CAP": 2}


@pytest.mark.parametrize("command", ["scheduler_quarantine", "scheduler_release"])
def test_an_unknown_job_is_bad_input(led: World, call: Call, command: str):
    requests.save_definition("report", by="ann", command_name="noop")
    told = call(command, "reprot")
    assert told.code == 2
    assert told.err == "There is no job 'reprot'; did you mean 'report'?"
