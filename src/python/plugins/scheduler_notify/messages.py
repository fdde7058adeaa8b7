"""The words of this plugin as values.

A **message** is one thing that people may have to hear of. A **route** says who hears of it, when.
A **notice** is what goes out to one channel: one message, several of one group, or a summary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, get_args
from uuid import UUID

from scheduler.plugin_api.values import AlertSeverity

Severity = AlertSeverity
Channel = Literal["slack", "teams", "mail", "webhook"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


class Kind(StrEnum):
    """What happened; each has a template of its own."""

    RUN_FAILED = "run_failed"
    RUN_TIMED_OUT = "run_timed_out"
    RUN_LOST = "run_lost"
    RUN_GIVEN_UP = "run_given_up"
    RUN_TOO_LATE = "run_too_late"
    RUN_LATE = "run_late"
    JOB_RECOVERED = "job_recovered"
    ALERT = "alert"
    PROMETHEUS = "prometheus"
    TEST = "test"


FAILURES = frozenset({Kind.RUN_FAILED, Kind.RUN_TIMED_OUT, Kind.RUN_LOST, Kind.RUN_GIVEN_UP})
"""After these a job counts as failing, until it has succeeded."""

OF_RUNS = FAILURES | {Kind.RUN_TOO_LATE}
"""Kinds about a run whose details are looked up before anybody is told."""


class Form(StrEnum):
    """SINGLE: one message. GROUP: several of one group. SUMMARY: what a limit had held back."""

    SINGLE = "single"
    GROUP = "group"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Message:
    """``dedupe_key`` is its identity: a second one with the same key is the same message.

    ``subject`` is what it is about: a job's name, or that of a Prometheus alert (then ``job`` is
    empty unless a label names one). ``resolved`` says that what was wrong is over; ``severity`` is
    then that of what was wrong, so that those who heard of it hear of its end. ``facts`` are JSON.
    """

    dedupe_key: str
    kind: Kind
    severity: Severity
    subject: str
    happened_at: datetime
    job: str = ""
    definition_id: int | None = None
    run_id: UUID | None = None
    resolved: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in words, for any channel. ``notice_id`` is the same at each attempt to send it.

    ``title`` is one line; ``text`` the rest, plain, lines separated by newlines; ``link`` an
    address or empty. ``messages`` are what it stands for."""

    notice_id: UUID
    form: Form
    severity: Severity
    resolved: bool
    title: str
    text: str
    link: str
    messages: tuple[Message, ...]
    formed_at: datetime


def worst(messages: tuple[Message, ...]) -> Severity:
    """The highest severity of the messages."""
    order = list(Severity)
    return max((one.severity for one in messages), key=order.index, default=Severity.INFO)
