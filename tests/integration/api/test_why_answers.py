"""Why a run waits and a job does not run, over the REST API."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from scheduler.models import JobRun
from scheduler.requests import find_job, save_definition
from tests.integration.api.callers import Api, code_of

pytestmark = pytest.mark.usefixtures("database")

NOW = datetime.now(UTC).replace(microsecond=0)


def waiting_run(name: str = "report") -> str:
    save_definition(name, by="t", command_name="noop", queue="heavy")
    run = JobRun.objects.create(
        definition=find_job(name),
        slot_key=f"m:{uuid4()}",
        state="PENDING",
        scheduled_for=NOW,
        due_at=NOW,
    )
    return str(run.pk)


def codes(reasons) -> list[str]:
    return [reason["code"] for reason in reasons]


def test_a_run_that_waits_tells_every_reason(api: Api):
    run = waiting_run()
    told = api.get(f"runs/{run}/why").json()
    assert told["run_id"] == run
    assert "NO_LEADER" in codes(told["reasons"])
    assert all(reason["sentence"] for reason in told["reasons"])


def test_a_run_that_ended_tells_how(api: Api):
    run = waiting_run()
    JobRun.objects.filter(pk=run).update(state="SKIPPED", reason="SKIP_LATE", finished_at=NOW)
    assert codes(api.get(f"runs/{run}/why").json()["reasons"]) == ["SKIP_LATE"]


def test_a_job_tells_its_reasons_those_of_its_open_runs_and_its_last_runs(api: Api):
    run = waiting_run()
    save_definition("report", by="t", enabled=False)
    told = api.get("jobs/report/why").json()
    assert "DISABLED" in codes(told["reasons"])
    assert [one["run_id"] for one in told["waiting"]] == [run]
    assert [one["run_id"] for one in told["last_runs"]] == [run]
    assert told["next_due"] is None


def test_the_sentences_are_japanese_if_asked_for(api: Api):
    save_definition("report", by="t", command_name="noop", enabled=False)
    english = api.get("jobs/report/why").json()["reasons"]
    japanese = api.get("jobs/report/why?lang=ja").json()["reasons"]
    assert codes(english) == codes(japanese)
    assert english[0]["sentence"].isascii()
    assert not japanese[0]["sentence"].isascii()


def test_what_there_is_not_is_said(api: Api):
    assert code_of(api.get(f"runs/{uuid4()}/why")) == "RUN_NOT_FOUND"
    assert code_of(api.get("jobs/reprot/why")) == "JOB_NOT_FOUND"
    assert api.get("jobs/reprot/why?lang=fr").status_code == 422
