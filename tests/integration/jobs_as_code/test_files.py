"""``jobs.yaml``: what is refused and on which line; and the round trip."""

import json
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scheduler import requests
from scheduler.domain.errors import InvalidDeclaration
from scheduler.models import JobDefinition
from scheduler.requests.declared.applying import apply, existing_jobs, plan
from scheduler.requests.declared.exporting import exported, json_schema
from scheduler.requests.declared.fields import resolve
from scheduler.requests.declared.jobfile import parse_job_file

NOW = datetime(2026, 11, 25, tzinfo=UTC)

REFUSED = [
    ("jobs:\n  a: {command: noop, prioritty: 1}\n", ":2, job 'a', field 'prioritty'", "'priority'"),
    ("jobs:\n  a:\n    command: noop\n    command: x\n", ":4, job 'a'", "twice"),
    ("jobs:\n  a: {command: noop}\n  a: {command: x}\n", ":3", "twice"),
    ("jobs:\n  a:\n    command: noop\n    priority: high\n", ":4", "a whole number"),
    ("jobs:\n  a:\n    command: noop\n    enabled: yes\n", ":4", "true or false"),
    ("jobs:\n  a:\n    command: noop\n    cron: '61 * * * *'\n", ":4", "0-59"),
    ("jobs:\n  a:\n    command: noop\n    cron: x\n    every: 5\n", ":5", "one of cron"),
    ("jobs:\n  a:\n    command: noop\n    timezone: Asia/Tokio\n", ":4", "did you mean Asia/Tokyo"),
    ("jobs:\n  a:\n    command: noop\n    isolation: thread\n", ":4", "one of fork, exec"),
    ("jobs:\n  a:\n    command: noop\n    starts_at: 2026-01-01\n", ":4", "UTC offset"),
    ("jobs:\n  a:\n    command: noop\n    max_attempts: 0\n", ":4", "from 1 up"),
    ("jobs:\n  a:\n    command: noop\n    args: {x: {y: 1}}\n", ":4", "text"),
    ("jobs:\n  a:\n    priority: 1\n", ":2", "a management command"),
    ("jobs: &x\n  a: *x\n", ":1", "written out"),
    ("jobs: [\n", ":2", "YAML"),
    ("jobs: !!python/object:os.system {}\n", ":1", "plain values"),
    ("job: {}\n", ":1, field 'job'", "jobs"),
    ("", ":1", "jobs"),
    ("version: 2\njobs: {}\n", ":1", "allowed: 1"),
    ("[" * 5000 + "]" * 5000, "", "less"),
]


@pytest.mark.parametrize(("text", "place", "allowed"), REFUSED)
def test_a_wrong_file_is_refused_with_its_line(text, place, allowed):
    with pytest.raises(InvalidDeclaration) as refused:
        parse_job_file(text, "jobs.yaml")
    sentence = str(refused.value)
    assert sentence.startswith(f"jobs.yaml{place}")
    assert allowed in sentence
    assert "\n" not in sentence


def test_a_time_without_quotes_is_a_time_and_a_job_may_overrule_a_default():
    text = "defaults: {every: 5m, command: noop}\njobs:\n  a: {daily_at: 02:30}\n  b:\n"
    a, b = parse_job_file(text, "jobs.yaml").declarations
    assert a.fields["schedule"] == {"kind": "daily", "at": "02:30"}
    assert b.fields["schedule"] == {"kind": "interval", "seconds": 300}


def test_the_schema_knows_every_field_and_takes_an_export():
    job = json_schema()["$defs"]["job"]
    assert {"priority", "cron", "args", "timezone"} <= job["properties"].keys()
    assert job["properties"]["max_attempts"]["minimum"] == 1
    json.dumps(json_schema())


JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = JSON_TEXT.map(str.strip).filter(lambda text: text.isprintable() and text != "")
SCHEDULES = st.one_of(
    st.fixed_dictionaries({"cron": st.sampled_from(["*/5 * * * *", "0 9 * * mon-fri"])}),
    st.fixed_dictionaries({"daily_at": st.sampled_from(["02:30", "23:59:59"])}),
    st.fixed_dictionaries({"every": st.integers(1, 100_000)}),
    st.just({"at": "2027-01-31T18:00:00+09:00"}),
    st.just({"schedule": {"kind": "monthly", "day": 31, "at": "09:00", "missing": "last"}}),
    st.just({}),
)
WORDS = st.one_of(JSON_TEXT, st.integers(-(2**53), 2**53), st.floats(allow_nan=False, width=32))
WORDS = WORDS.filter(lambda value: value not in (float("inf"), float("-inf")))
JOBS = st.builds(
    lambda schedule, fields: {"command": "noop", **schedule, **fields},
    SCHEDULES,
    st.fixed_dictionaries(
        {},
        optional={
            "description": JSON_TEXT,
            "enabled": st.booleans(),
            "args": st.one_of(
                st.none(),
                st.lists(WORDS, max_size=3),
                st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), WORDS, max_size=3),
            ),
            "timezone": st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
            "priority": st.integers(-100, 100),
            "queue": st.sampled_from(["default", "重い", "no", "1:30", "1e3", "~", "null"]),
            "required_labels": st.dictionaries(JSON_TEXT, JSON_TEXT, max_size=2),
            "timeout_seconds": st.one_of(st.none(), st.floats(0.5, 1e6)),
            "ends_at": st.just("2099-01-01T00:00:00+09:00"),
            "misfire_policy": st.sampled_from(["skip", "run_once", "run_all"]),
        },
    ),
)


@example(jobs={"0": {"command": "noop", "required_labels": {"\x85": "\u2028", "a\nb": "\u2029 "}}})
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(jobs=st.dictionaries(NAMES, JOBS, max_size=4))
def test_an_export_applied_changes_nothing(database, jobs):
    JobDefinition.objects.all().delete()
    for name, stated in jobs.items():
        fields, _ = resolve(name, stated, lambda key: "here")
        requests.save_definition(name, by="ann", **fields)
    text = exported(existing_jobs(), NOW)
    file = parse_job_file(text, "jobs.yaml")
    assert sorted(job.name for job in file.declarations) == sorted(jobs)
    found = plan(file.declarations, source=file.source)
    assert (found.changes, found.foreign, found.unchanged) == ((), (), len(jobs))
    assert exported(existing_jobs(), NOW) == text


CALENDARS = """
jobs:
  payday:
    command: noop
    schedule: {kind: monthly, day: 25, at: "09:00"}
    calendar: jp
    calendar_rule: previous
  close:
    command: noop
    schedule: {kind: business_day, nth: -1, at: "17:00"}
    calendar: jp
"""


def test_jobs_on_business_days_come_back_as_they_went(database):
    file = parse_job_file(CALENDARS, "jobs.yaml")
    apply(file.declarations, source=file.source, by="ci")
    again = parse_job_file(exported(existing_jobs(), NOW), "jobs.yaml")
    assert plan(again.declarations, source=file.source).changes == ()
    assert JobDefinition.objects.get(name="payday").calendar_rule == "previous"


@pytest.mark.parametrize(
    ("fields", "place", "said"),
    [
        ("schedule: {kind: business_day, nth: 1, at: '09:00'}", ":2", "calendar"),
        ("every: 5m\n    calendar: jp\n    calendar_rule: next", ":6", "calendar_rule"),
        ("every: 5m\n    calendar: jp\n    calendar_rule: sometimes", ":6", "only, next, previous"),
    ],
)
def test_a_calendar_that_does_not_suit_the_schedule_is_refused(fields, place, said):
    text = f"jobs:\n  a:\n    command: noop\n    {fields}\n"
    with pytest.raises(InvalidDeclaration) as refused:
        parse_job_file(text, "jobs.yaml")
    assert str(refused.value).startswith(f"jobs.yaml{place}")
    assert said in str(refused.value)


@pytest.mark.parametrize("ask", [plan, lambda jobs, source: apply(jobs, source=source, by="ci")])
def test_a_calendar_that_is_not_there_is_refused_when_it_is_planned(database, ask):
    text = "jobs:\n  a: {command: noop, every: 5m, calendar: moon}\n"
    file = parse_job_file(text, "jobs.yaml")
    with pytest.raises(InvalidDeclaration, match=r"jobs\.yaml:2, .*'moon'; allowed: .*jp"):
        ask(file.declarations, source=file.source)
    assert not JobDefinition.objects.exists()


def test_an_export_makes_the_same_jobs_elsewhere(database):
    text = "jobs:\n  夜間レポート: {command: noop, description: 毎晩の集計, every: 5m}\n"
    file = parse_job_file(text, "jobs.yaml")
    apply(file.declarations, source=file.source, by="ci")
    out = exported(existing_jobs(), NOW)
    assert "夜間レポート" in out
    assert yaml.safe_load(out)["jobs"]["夜間レポート"]["description"] == "毎晩の集計"
