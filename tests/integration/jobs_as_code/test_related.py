"""What is declared with a job and lies in other tables: its upstreams and its triggers."""

from datetime import UTC, datetime

import pytest

from scheduler import requests
from scheduler.domain.errors import DependencyCycle, InvalidDeclaration, ManagedByCode
from scheduler.models import Dependency, EventTrigger, JobDefinition
from scheduler.requests.declared.applying import apply, existing_jobs, plan
from scheduler.requests.declared.exporting import exported, json_schema
from scheduler.requests.declared.jobfile import parse_job_file

NOW = datetime(2026, 11, 25, tzinfo=UTC)
FILE = """
jobs:
  collect: {command: noop, cron: "0 2 * * *", timezone: Asia/Tokyo}
  集計:
    command: noop
    depends_on:
      - upstream: collect
        on_failure: wait
        max_wait_seconds: 3600
  ship:
    command: noop
    depends_on: [collect, 集計]
    triggers:
      - event_type: order.*
        conditions: [{path: payload.total, op: ge, value: 500}]
        args: {number: payload.number}
"""


def applied(text):
    file = parse_job_file(text, "jobs.yaml")
    return apply(file.declarations, source=file.source, by="ci")


def planned(text):
    file = parse_job_file(text, "jobs.yaml")
    return plan(file.declarations, source=file.source)


def test_upstreams_and_triggers_are_made_with_their_jobs(database):
    applied(FILE)
    rows = Dependency.objects.order_by("definition__name", "upstream__name")
    assert list(rows.values_list("definition__name", "upstream__name", "on_failure")) == [
        ("ship", "collect", "skip"),
        ("ship", "集計", "skip"),
        ("集計", "collect", "wait"),
    ]
    (trigger,) = EventTrigger.objects.all()
    assert (trigger.definition.name, trigger.event_type) == ("ship", "order.*")
    assert planned(FILE).changes == ()


def test_what_the_file_says_no_more_goes(database):
    applied(FILE)
    change = applied("jobs:\n  ship: {command: noop}\n")
    assert {one.field for each in change.changes for one in each.changes} == {
        "depends_on",
        "triggers",
    }
    assert not Dependency.objects.filter(definition__name="ship").exists()
    assert not EventTrigger.objects.exists()


def test_an_export_with_upstreams_and_triggers_applied_changes_nothing(database):
    applied(FILE)
    text = exported(existing_jobs(), NOW)
    assert planned(text).changes == ()
    assert "depends_on" in text
    assert "triggers" in text


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("depends_on: collect", "a list of jobs"),
        ("depends_on: [{upstream: a, match: never}]", "depends_on.match"),
        ("depends_on: [x]", "another job than itself"),
        ("triggers: [{event_type: ''}]", "triggers[0].event_type"),
        ("triggers: [{event_type: a, conditions: [{path: x, op: eq, value: 1}]}]", "leads nowhere"),
    ],
)
def test_a_part_that_cannot_be_understood_is_refused_with_its_line(part, said):
    with pytest.raises(InvalidDeclaration) as refused:
        parse_job_file(f"jobs:\n  x:\n    command: noop\n    {part}\n", "jobs.yaml")
    assert said in str(refused.value)
    assert str(refused.value).startswith("jobs.yaml:4")


def test_a_cycle_in_a_file_is_refused_and_nothing_is_made(database):
    text = "jobs:\n  a: {command: noop, depends_on: [b]}\n  b: {command: noop, depends_on: [a]}\n"
    with pytest.raises(DependencyCycle):
        applied(text)
    assert not JobDefinition.objects.exists()


def test_parts_of_a_job_that_a_file_owns_are_not_changed_by_hand(database):
    applied(FILE)
    with pytest.raises(ManagedByCode):
        requests.set_triggers("ship", [], by="ann")
    with pytest.raises(ManagedByCode):
        requests.set_dependencies("ship", [], by="ann")
    assert planned(FILE).changes == ()


def test_the_schema_knows_both():
    properties = json_schema()["$defs"]["job"]["properties"]
    assert {"depends_on", "triggers"} <= properties.keys()
