"""Does the API do what its description says? schemathesis asks, of a real server and PostgreSQL.

Requests are made from the description: examples, every boundary, random ones that fit and that do
not, and operations in the order of their links. No answer may be a failure of the server's, none
undocumented, none of another shape. The seed is fixed.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.domain.tokens import TokenScope
from scheduler.models import Event, JobRun, JobRunDetail, WorkerLease
from scheduler.requests import find_job, save_definition
from scheduler.requests.tokens import create_token
from tests.integration.api.web import web_server

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

EXAMPLES = int(os.environ.get("SCHEDULER_TEST_API_EXAMPLES", "5"))
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,negative_data_rejection,"
    "missing_required_header,unsupported_method,allow_header_conformance,ignored_auth"
)


@pytest.fixture
def token(django_postgres) -> str:
    """Of all scopes, in a database that has a little of everything."""
    save_definition(
        "nightly", by="t", command_name="noop", schedule={"kind": "daily", "at": "00:00"}
    )
    now = datetime.now(UTC)
    for number, state in enumerate(("SUCCEEDED", "FAILED", "PENDING", "RUNNING")):
        run = JobRun.objects.create(
            definition=find_job("nightly"),
            slot_key=f"t:{number}",
            state=state,
            scheduled_for=now,
            due_at=now,
            finished_at=now if state in ("SUCCEEDED", "FAILED") else None,
        )
        JobRunDetail.objects.create(run_id=run.pk, args=["--day"], cpu_user_seconds=0.1)
    Event.objects.create(type="order.made", payload={"n": 1})
    WorkerLease.objects.create(
        worker_id="w-1",
        node_id="n",
        hostname="h",
        pid=1,
        grpc_address="127.0.0.1:1",
        capacity=1,
        lease_seconds=10,
        margin_seconds=5,
    )
    return create_token("schemathesis", list(TokenScope), by="test").secret


def test_every_answer_is_one_that_the_description_promises(django_postgres, token, tmp_path: Path):
    with web_server(django_postgres.dsn, tmp_path) as address:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/api/v1/openapi.json"),
            *("--header", f"X-Scheduler-Token: {token}", "--checks", CHECKS),
            *("--max-examples", str(EXAMPLES), "--seed", "7", "--no-shrink"),
            *("--workers", "2"),
            *("--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
            *("--warnings", "off", "--request-timeout", "10", "--no-color"),
        ]
        done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    log = (tmp_path / "web.log").read_text()
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-2000:]}\n{log[-5000:]}"
    assert "Traceback" not in log, log[-5000:]
