"""Arguments from JSON to a command line, without a shell, and the environment of a run."""

import argparse
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.errors import InvalidArgs
from scheduler.domain.events import EventNotFound
from scheduler.domain.launching import MAX_ARGS_BYTES, command_arguments, run_environment
from scheduler.domain.values import StartOrder


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (None, ()),
        ([], ()),
        ({}, ()),
        ({"days": 3, "verbose": True, "_": ["pos"]}, ("--days=3", "--verbose", "pos")),
        ({"_": ["first"], "days": 3}, ("--days=3", "first")),
        ({"dry_run": True}, ("--dry-run",)),
        ({"quiet": False, "since": None}, ()),
        ({"tag": ["a", "b"]}, ("--tag=a", "--tag=b")),
        ({"rate": 0.5, "shift": -3}, ("--rate=0.5", "--shift=-3")),
        ({"v": 2, "f": True}, ("-v2", "-f")),
        ({"name": ""}, ("--name=",)),
        (["--days", 3, "-v", "2"], ("--days", "3", "-v", "2")),
        ({"city": "東京 タワー"}, ("--city=東京 タワー",)),
    ],
)
def test_json_becomes_words(args, words):
    assert command_arguments("job", args) == words


@pytest.mark.parametrize("text", ["; rm -rf /", "$(id)", "a b\n'\"", "*", "--inject"])
def test_no_text_is_ever_more_than_one_word(text):
    assert command_arguments("job", [text]) == (text,)
    assert command_arguments("job", {"name": text}) == (f"--name={text}",)


def test_a_positional_argument_that_looks_like_an_option_stays_one():
    words = command_arguments("job", {"days": 3, "_": ["-x", "y"]})
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int)
    parser.add_argument("rest", nargs="*")
    assert vars(parser.parse_args(words)) == {"days": 3, "rest": ["-x", "y"]}


@pytest.mark.parametrize(
    ("args", "part"),
    [
        ("--all", "neither list nor object"),
        (7, "neither list nor object"),
        (True, "neither list nor object"),
        ({"a b": 1}, "'a b' cannot be an option's name"),
        ({"": 1}, "cannot be an option's name"),
        ({"-x": 1}, "cannot be an option's name"),
        ({"days": {"deep": 1}}, '{"deep": 1} cannot be an argument'),
        ({"days": [[1]]}, "[1] cannot be an argument"),
        ([True], "true cannot be an argument"),
        ([None], "null cannot be an argument"),
        ({"_": "x"}, "not a list"),
        (["a\0b"], "NUL"),
        (["x" * MAX_ARGS_BYTES], "bytes long"),
    ],
)
def test_what_cannot_be_an_argument_is_refused_in_a_sentence(args, part):
    with pytest.raises(InvalidArgs) as caught:
        command_arguments("nightly", args)
    assert "'nightly'" in str(caught.value)
    assert part in str(caught.value)
    assert len(str(caught.value)) < 300


VALUES = st.one_of(st.integers(), st.text(st.characters(exclude_characters="\0")))


@given(st.dictionaries(st.from_regex(r"[a-z]{2,8}", fullmatch=True), VALUES, max_size=4))
def test_options_reach_an_argument_parser_as_they_were(options: dict[str, Any]):
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    for name in options:
        parser.add_argument(f"--{name}")
    parsed = vars(parser.parse_args(command_arguments("job", options)))
    assert parsed == {name: str(value) for name, value in options.items()}


def order(args: Any) -> StartOrder:
    return StartOrder(
        run_id=UUID(int=7),
        assign_seq=(41 << 32) + 2,
        start_in_seconds=0,
        definition_id=1,
        job_name="夜間",
        attempt=3,
        orphan_count=0,
        slot_key="t:x",
        scheduled_for=datetime(2026, 1, 2, 9, tzinfo=timezone(timedelta(hours=9))),
        executor="management_command",
        command="check",
        args=args,
    )


def test_a_run_finds_who_and_where_it_is_in_its_environment():
    assert run_environment(order({"city": "東京"}), "w-1") == {
        "SCHEDULER_ARGS_JSON": '{"city":"東京"}',
        "SCHEDULER_JOB_RUN_ID": "00000000-0000-0000-0000-000000000007",
        "SCHEDULER_JOB_NAME": "夜間",
        "SCHEDULER_WORKER_ID": "w-1",
        "SCHEDULER_ATTEMPT": "3",
        "SCHEDULER_FENCING_TOKEN": str((41 << 32) + 2),
        "SCHEDULER_SCHEDULED_FOR": "2026-01-02T00:00:00+00:00",
    }


@pytest.mark.parametrize("args", [None, [], {"a": [1, None, {"b": True}]}, ["x", 2]])
def test_the_arguments_in_the_environment_are_json(args):
    found = json.loads(run_environment(order(args), "w")["SCHEDULER_ARGS_JSON"])
    assert found == ({} if args is None else args)


def test_the_instant_is_given_in_utc():
    text = run_environment(order(None), "w")["SCHEDULER_SCHEDULED_FOR"]
    assert datetime.fromisoformat(text) == datetime(2026, 1, 2, tzinfo=UTC)


def test_a_run_that_an_event_started_finds_the_event():
    started = replace(order(None), event_id=UUID(int=9), event_json='{"id":"9"}')
    assert run_environment(started, "w")["SCHEDULER_EVENT_JSON"] == '{"id":"9"}'
    assert "SCHEDULER_EVENT_JSON" not in run_environment(order(None), "w")


def test_a_run_whose_event_is_gone_has_no_environment():
    with pytest.raises(EventNotFound, match="00000009"):
        run_environment(replace(order(None), event_id=UUID(int=9)), "w")
