"""Log lines: fields, one line each, and no secrets."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from pydantic import SecretStr

from scheduler.plugin_api.logs import (
    bind_fields,
    configure_logging,
    get_logger,
    hide_secrets,
    set_level,
)
from scheduler.plugin_api.masking import mask_text


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@contextmanager
def lines(**options: Any) -> Iterator[list[dict[str, Any]]]:
    """What is logged inside, parsed; filled at the end."""
    stream = io.StringIO()
    found: list[dict[str, Any]] = []
    configure_logging(stream=stream, **options)
    yield found
    found.extend(json.loads(line) for line in stream.getvalue().splitlines())


def test_an_event_is_one_json_line_with_its_fields():
    run = UUID("0190f3a0-0000-7000-8000-000000000001")
    with lines(fields={"worker_id": "w-1"}) as found:
        get_logger("runtime.assigner").info("run_assigned", run_id=run, epoch=7)
    (line,) = found
    assert line["event"] == "run_assigned"
    assert line["run_id"] == str(run)
    assert (line["epoch"], line["worker_id"]) == (7, "w-1")
    assert (line["level"], line["logger"]) == ("info", "runtime.assigner")
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_values_that_json_lacks_are_written_plainly():
    with lines() as found:
        get_logger("x").info(
            "e", at=datetime(2026, 1, 2, tzinfo=UTC), path=Path("/a"), some={"b", "a"}
        )
    (line,) = found
    assert (line["at"], line["path"], line["some"]) == (
        "2026-01-02T00:00:00+00:00",
        "/a",
        ["a", "b"],
    )


def test_a_traceback_stays_within_its_line():
    with lines() as found:
        try:
            raise RuntimeError("at redis://:hunter22@host")
        except RuntimeError:
            get_logger("x").exception("failed")
    (line,) = found
    assert "RuntimeError" in line["exception"]
    assert "hunter22" not in line["exception"]


def test_the_libraries_logging_comes_out_the_same_way():
    with lines(fields={"worker_id": "w-1"}) as found:
        logging.getLogger("django.request").warning("no %s", "route")
    (line,) = found
    assert (line["event"], line["logger"], line["worker_id"]) == (
        "no route",
        "django.request",
        "w-1",
    )


def test_warnings_are_logged():
    with lines() as found, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("this is old", DeprecationWarning, stacklevel=1)
    (line,) = found
    assert "this is old" in line["event"]
    assert line["logger"] == "py.warnings"


def test_lines_below_the_level_are_not_written():
    with lines(level="warning") as found:
        get_logger("x").info("quiet")
        set_level("debug")
        get_logger("x").debug("loud")
    assert [line["event"] for line in found] == ["loud"]


def test_a_logger_made_before_the_set_up_follows_it():
    early = get_logger("early")
    with lines() as found:
        early.info("seen")
    assert found[0]["event"] == "seen"


def test_bound_fields_stand_on_every_further_line():
    with lines() as found:
        bind_fields(epoch=41)
        get_logger("x").info("one")
    assert found[0]["epoch"] == 41


def test_console_lines_are_for_reading():
    stream = io.StringIO()
    configure_logging(format="console", stream=stream)
    get_logger("x").info("run_assigned", password="hunter22", run_id=3)
    text = stream.getvalue()
    assert "run_assigned" in text
    assert "run_id=3" in text
    assert "hunter22" not in text


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "redis://:hunter22@host:6379/0"},
        {"url": "postgres://u:hunter22@db/x?sslmode=require"},
        {"error": "connection failed: password=hunter22 host=db"},
        {"error": 'header "X-Scheduler-Token: hunter22"'},
        {"header": "Authorization: Bearer hunter22"},
        {"api_token": "hunter22"},
        {"config": {"smtp": {"password": "hunter22"}}},
        {"hosts": ["a", "redis://:hunter22@b"]},
        {"value": SecretStr("hunter22")},
        {"query": "https://hook?token=hunter22&x=1"},
        {"note": "the value is hunter22, plainly"},
    ],
)
def test_secrets_do_not_reach_the_log(fields):
    with lines(secrets=["hunter22"]) as found:
        get_logger("x").info("e", **fields)
    assert "hunter22" not in json.dumps(found)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "redis://:hunter22@host:6379/0"},
        {"error": "password=hunter22"},
        {"api_token": "hunter22"},
        {"config": {"smtp": {"password": "hunter22"}}},
        {"header": "Authorization: Bearer hunter22"},
    ],
)
def test_secrets_that_nobody_named_are_known_by_their_place(fields):
    with lines() as found:
        get_logger("x").info("e", **fields)
    assert "hunter22" not in json.dumps(found)


def test_a_log_message_of_a_library_is_masked_too():
    with lines() as found:
        logging.getLogger("lib").error("cannot reach %s", "redis://:hunter22@host")
    assert found[0]["event"] == "cannot reach redis://:***@host"


def test_a_secret_that_is_learnt_later_is_hidden_from_then_on():
    with lines() as found:
        get_logger("x").info("before hunter22")
        hide_secrets(["hunter22"])
        get_logger("x").info("after hunter22")
    assert [line["event"] for line in found] == ["before hunter22", "after ***"]


def test_a_secret_that_begins_like_another_is_hidden_whole():
    with lines(secrets=["hunter", "hunter22"]) as found:
        get_logger("x").info("hunter22 and hunter")
    assert found[0]["event"] == "*** and ***"


def test_fences_are_no_secrets():
    with lines() as found:
        get_logger("x").info("claimed", claim_token="abc", fencing_token=7, note="fencing_token=7")
    (line,) = found
    assert (line["claim_token"], line["fencing_token"]) == ("abc", 7)
    assert line["note"] == "fencing_token=7"


@pytest.mark.parametrize(
    "text",
    ["redis://host:6379/0", "at https://example.com/a", "due at 12:30", "a@b.example", "a token"],
)
def test_harmless_text_is_left_alone(text):
    assert mask_text(text) == text
