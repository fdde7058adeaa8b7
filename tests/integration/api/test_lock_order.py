"""Those who change jobs take their locks in one order: none waits for another in a circle."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from scheduler.models import Calendar, JobDefinition
from scheduler.requests import save_definition
from scheduler.requests.declared.applying import apply
from scheduler.requests.declared.jobfile import parse_job_file
from scheduler.requests.links import lock_dependencies
from scheduler.requests.recording import writing
from tests.integration.api.callers import Api, token_api

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("django_postgres")]

HOURLY = {"kind": "hourly", "minute": 0}
FILE = """
source: s
jobs:
  report: {command: noop, cron: "0 * * * *", calendar: jp, priority: 7}
"""
ANY = {"If-Match": "*"}


@pytest.fixture
def headers(django_postgres) -> dict[str, str]:
    save_definition("report", by="t", command_name="noop", schedule=HOURLY, calendar="jp")
    return token_api()._headers


def hold_dependencies() -> None:
    lock_dependencies()


def hold_calendar() -> None:
    Calendar.objects.select_for_update(no_key=True).get(name="jp")


def delete(headers: dict[str, str]) -> None:
    assert Api(Client(), headers).call("DELETE", "jobs/report", None, ANY).status_code == 204


def edit(headers: dict[str, str]) -> None:
    body = {"calendar": "jp", "priority": 7}
    assert Api(Client(), headers).call("PATCH", "jobs/report", body, ANY).status_code == 200


def apply_a_file(headers: dict[str, str]) -> None:
    file = parse_job_file(FILE, "jobs.yaml")
    apply(file.declarations, source=file.source, by="t", take_over=True)


@pytest.mark.parametrize(
    ("hold", "change"),
    [
        (hold_dependencies, delete),
        (hold_calendar, edit),
        (hold_dependencies, apply_a_file),
        (hold_calendar, apply_a_file),
    ],
)
def test_a_change_waits_for_what_others_take_before_the_jobs_row(
    headers, hold: Callable[[], None], change: Callable[[dict[str, str]], None]
):
    with ThreadPoolExecutor(1) as pool:
        with writing():
            hold()
            asked = pool.submit(on_its_own_connection, change, headers)
            wait_until_somebody_waits_for_a_lock()
            # With its row taken before, this would never end: PostgreSQL ends one of the two.
            JobDefinition.objects.select_for_update(no_key=True).get(name="report")
        asked.result(20)


def on_its_own_connection(change: Callable[[dict[str, str]], None], headers: Any) -> None:
    try:
        change(headers)
    finally:
        connection.close()


def wait_until_somebody_waits_for_a_lock() -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE NOT l.granted AND a.datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("the change has taken no lock that is held")
