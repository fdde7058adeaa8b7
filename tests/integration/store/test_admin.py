"""Django's admin, as a superuser sees it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from scheduler import requests
from scheduler.models import AdminActionLog, JobDefinition
from scheduler.requests.tokens import create_token
from tests.contract.store.world import World

MODELS = [
    "jobdefinition",
    "jobrun",
    "runrequest",
    "event",
    "eventtrigger",
    "apitoken",
    "workerlease",
    "adminactionlog",
]


@pytest.fixture
def browser(world: World) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ann"))
    return client


def form_of(browser: Client, path: str) -> dict[str, str]:
    """What the form of a page would send back unchanged."""
    form = browser.get(path).context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    fields = {}
    for name, value in values.items():
        if isinstance(value, bool):
            fields |= {name: "on"} if value else {}
        elif name in ("starts_at", "ends_at"):
            fields |= {f"{name}_0": "", f"{name}_1": ""}
        else:
            fields[name] = "" if value is None else str(value)
    return fields


@pytest.mark.parametrize("model", MODELS)
def test_every_list_can_be_looked_at(world: World, browser: Client, model: str):
    world.start(world.plan(world.define()))
    requests.request_run("report", by="ann")
    assert browser.get(f"/admin/scheduler/{model}/").status_code == 200


@pytest.mark.parametrize("model", MODELS[1:])
def test_what_only_the_scheduler_writes_cannot_be_added(browser: Client, model: str):
    assert browser.get(f"/admin/scheduler/{model}/add/").status_code == 403


def test_the_page_of_a_token_shows_no_digest(browser: Client):
    token = create_token("shop", ["read"], by="ann").token
    page = browser.get(f"/admin/scheduler/apitoken/{token.pk}/change/")
    assert token.prefix in page.content.decode()
    assert token.digest not in page.content.decode()


def test_a_job_is_made_as_a_request_under_the_persons_name(world: World, browser: Client):
    path = "/admin/scheduler/jobdefinition/add/"
    form = form_of(browser, path) | {
        "name": "nightly",
        "command_name": "noop",
        "schedule": '{"kind": "daily", "at": "03:00"}',
    }
    answer = browser.post(path, form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    (row,) = world.leader.due_definitions(world.now(), 10)
    assert (row.name, row.schedule["at"]) == ("nightly", "03:00")
    assert AdminActionLog.objects.get().actor == "admin:ann"


def test_a_change_raises_the_revision(world: World, browser: Client):
    job = requests.save_definition("nightly", by="ann", command_name="noop")
    path = f"/admin/scheduler/jobdefinition/{job.pk}/change/"
    answer = browser.post(path, form_of(browser, path) | {"priority": "7"})
    assert answer.status_code == 302
    job.refresh_from_db()
    assert (job.priority, job.revision) == (7, 2)


def test_a_bad_schedule_is_refused_in_the_form(browser: Client):
    path = "/admin/scheduler/jobdefinition/add/"
    form = form_of(browser, path) | {
        "name": "nightly",
        "command_name": "noop",
        "schedule": '{"kind": "daily", "at": "25:00"}',
    }
    answer = browser.post(path, form)
    assert answer.status_code == 200
    assert "schedule" in answer.context["adminform"].form.errors
    assert not JobDefinition.objects.exists()


def test_a_deleted_job_keeps_its_row(world: World, browser: Client):
    job = requests.save_definition("nightly", by="ann", command_name="noop")
    browser.post(f"/admin/scheduler/jobdefinition/{job.pk}/delete/", {"post": "yes"})
    job.refresh_from_db()
    assert job.deleted_at is not None
