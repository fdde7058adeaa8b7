"""What docs/jobs-as-code*.md show is declared and planned as it stands there."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scheduler import jobs
from scheduler.requests.declared.discovery import collected
from scheduler.requests.declared.jobfile import parse_job_file

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.parametrize("page", ["jobs-as-code.md", "jobs-as-code.ja.md"])
def test_the_examples_declare_their_jobs(page, monkeypatch):
    text = (DOCS / page).read_text(encoding="utf-8")
    module = ModuleType("billing.jobs")
    monkeypatch.setitem(sys.modules, "billing.jobs", module)
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(code, page, "exec"), module.__dict__)
    declared = {job.name: job for job in collected(jobs.registered())}
    books = declared["billing.close_the_books"]
    assert books.owner == "code:billing.jobs:close_the_books"
    assert books.fields["schedule"] == {"kind": "daily", "at": "02:30"}
    assert jobs.function_of("billing.close_the_books") is module.close_the_books
    (file,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    found = parse_job_file(file, "jobs.yaml")
    assert found.source == "file:billing"
    assert {job.fields["timezone"] for job in found.declarations} == {"Asia/Tokyo"}
