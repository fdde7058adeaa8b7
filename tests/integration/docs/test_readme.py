"""What the READMEs show is run as it stands there."""

import re
from pathlib import Path

import pytest

from scheduler.models import JobDefinition

ROOT = Path(__file__).resolve().parents[3]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_the_job_of_the_readme_is_saved_with_its_schedule(name):
    (example,) = PYTHON.findall((ROOT / name).read_text(encoding="utf-8"))
    exec(compile(example, name, "exec"), {})
    job = JobDefinition.objects.get(name="nightly-report")
    assert job.schedule == {"kind": "cron", "expression": "30 2 * * *"}
    assert job.timezone == "Asia/Tokyo"
