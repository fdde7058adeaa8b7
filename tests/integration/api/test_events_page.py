"""What docs/events.md and its Japanese page show is run as it stands there."""

import json
import re
from typing import Any

import pytest

from scheduler.domain.triggers import OPERATORS, ROOTS
from scheduler.models import Event, RunRequest
from tests.integration.api.pages import answers, run_commands, text_of

PAGES = ["events.md", "events.ja.md"]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_way_from_nothing_to_a_run(page, site, database, tmp_path):
    text = text_of(page)
    make_job, job_code = PYTHON.findall(text)
    exec(compile(make_job, page, "exec"), {})
    output = run_commands(text, site, database.dsn, tmp_path, beside=("manage.py", "scripts"))
    assert 'arguments: {"fail_level": "ERROR", "tag": "models"}' in output
    told = answers(output, '{"id"')
    assert [one["status"] for one in told] == [
        *("accepted", "repeated", "accepted", "accepted", "repeated"),
    ]
    assert [len(one["runs"]) for one in told] == [1, 1, 0, 1, 1]
    documented = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])  # type: ignore[index]
    assert told[0].keys() == documented.keys()
    assert told[0]["runs"][0].keys() == documented["runs"][0].keys()
    request = RunRequest.objects.order_by("id")[0]
    assert (str(request.pk), request.args) == (
        told[0]["runs"][0]["run_id"],
        {"fail_level": "ERROR", "tag": "models"},
    )
    assert Event.objects.get(dedupe_key="order-44").subject == "Euro €"
    the_event_is_read(job_code)


def the_event_is_read(code: str) -> None:
    event = {"subject": "42", "payload": {"total": 5}}
    found: dict[str, Any] = {}
    exec(compile(code, "the job", "exec"), found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCHEDULER_EVENT_JSON", json.dumps(event))
        assert found["the_event"]() == {"order": "42", "total": 5}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("word", [*OPERATORS, *ROOTS])
def test_every_operator_and_root_of_a_path_is_there(page, word):
    assert f"`{word}`" in text_of(page)
