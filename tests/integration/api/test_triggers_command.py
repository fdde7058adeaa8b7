"""``manage.py scheduler_triggers``."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from scheduler import requests

pytestmark = pytest.mark.usefixtures("database")

TRIGGERS = [
    {"event_type": "order.canceled"},
    {
        "event_type": "order.*",
        "conditions": [{"path": "payload.total", "op": "ge", "value": 500}],
        "args": {"number": "payload.number"},
    },
]


@pytest.fixture
def job() -> str:
    requests.save_definition("ship", by="ann", command_name="noop", default_args_json={"days": 3})
    return "ship"


def call(*arguments: str) -> str:
    out = StringIO()
    call_command("scheduler_triggers", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def written(folder: Path, value: object) -> str:
    path = folder / "given.json"
    path.write_text(json.dumps(value))
    return str(path)


def test_what_is_set_is_shown(job: str, tmp_path: Path):
    call(job, "--set", written(tmp_path, TRIGGERS))
    assert json.loads(call(job)) == TRIGGERS
    call(job, "--set", written(tmp_path, []))
    assert json.loads(call(job)) == []


def test_an_event_that_would_start_it_is_told_with_its_arguments(job: str, tmp_path: Path):
    requests.set_triggers(job, TRIGGERS, by="ann")
    event = {"type": "order.placed", "payload": {"total": 500, "number": 7}}
    told = call(job, "--try", written(tmp_path, event))
    assert "trigger 0 (order.canceled) does not match: type" in told
    assert 'trigger 1 matches; arguments: {"days": 3, "number": 7}' in told


def test_a_cloud_event_may_be_tried_too(job: str, tmp_path: Path):
    requests.set_triggers(job, TRIGGERS, by="ann")
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "order.canceled"}
    assert "trigger 0 matches" in call(job, "--try", written(tmp_path, event))


def test_an_event_that_would_not_start_it_is_exit_code_1(job: str, tmp_path: Path):
    requests.set_triggers(job, TRIGGERS, by="ann")
    event = {"type": "order.placed", "payload": {"total": 499}}
    with pytest.raises(CommandError, match="would not start ship") as caught:
        call(job, "--try", written(tmp_path, event))
    assert caught.value.returncode == 1


def test_a_disabled_job_is_started_by_none(job: str, tmp_path: Path):
    requests.set_triggers(job, TRIGGERS, by="ann")
    requests.set_enabled(job, False, by="ann")
    with pytest.raises(CommandError, match="disabled") as caught:
        call(job, "--try", written(tmp_path, {"type": "order.canceled"}))
    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([{"event_type": "*"}], r"triggers\[0\].event_type"),
        ({}, "it is no list"),
    ],
)
def test_bad_triggers_are_one_sentence_and_exit_code_2(job: str, tmp_path: Path, given, sentence):
    with pytest.raises(CommandError, match=sentence) as caught:
        call(job, "--set", written(tmp_path, given))
    assert caught.value.returncode == 2


def test_a_file_that_is_no_json_and_a_job_that_is_not_there_are_exit_code_2(job: str):
    for arguments in ([job, "--set", "/nowhere"], ["nobody"]):
        with pytest.raises(CommandError) as caught:
            call(*arguments)
        assert caught.value.returncode == 2
