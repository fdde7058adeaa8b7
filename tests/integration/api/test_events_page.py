"""What docs/events.md and its Japanese page show is run as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scheduler.domain.triggers import OPERATORS, ROOTS
from scheduler.models import Event, RunRequest

ROOT = Path(__file__).resolve().parents[3]
PAGES = ["events.md", "events.ja.md"]
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DOCUMENTED_URL = "http://127.0.0.1:8000"


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def answers(output: str) -> list[dict[str, Any]]:
    """The JSON objects in an output that holds other lines too."""
    decoder, found, at = json.JSONDecoder(), [], output.find('{"id"')
    while at >= 0:
        value, end = decoder.raw_decode(output, at)
        found.append(value)
        at = output.find('{"id"', end)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_way_from_nothing_to_a_run(page, site, database, tmp_path):
    text = text_of(page)
    make_job, job_code = PYTHON.findall(text)
    exec(compile(make_job, page, "exec"), {})
    script = "".join(["set -euo pipefail\n", f'python() {{ "{sys.executable}" "$@"; }}\n'])
    script += "\n".join(SHELL.findall(text)).replace(DOCUMENTED_URL, site)
    assert site in script
    for name in ("manage.py", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "DATABASE_URL": database.dsn},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert 'arguments: {"fail_level": "ERROR", "tag": "models"}' in done.stdout
    told = answers(done.stdout)
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
