"""The timetable of the sample jobs: each kind of schedule and policy at least once.

A definition that exists already is left as it is, so that what you change in the demo stays.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import WEEK

TOKYO = "Asia/Tokyo"
BURST_PREFIX = "burst."
REST = "demo-rest"


def pulse_jobs() -> list[dict[str, Any]]:
    """No-ops on a steady beat: what the scheduler itself costs and how late it is."""
    return [
        _job("pulse", "noop", _cron("* * * * * *"), description="Each second, nothing."),
        _job("pulse.interval", "noop", {"kind": "interval", "seconds": 2}),
    ]


def sample_jobs() -> list[dict[str, Any]]:
    """All samples, the pulse among them."""
    return [
        *pulse_jobs(),
        *_steady_jobs(),
        *_troubled_jobs(),
        *_calendar_jobs(),
        *_event_jobs(),
        *_business_day_jobs(),
        *_dependent_jobs(),
    ]


def sample_calendars() -> list[dict[str, Any]]:
    """Calendars beside the ready-made ``jp``: one by which today, whatever day it is, is off."""
    in_three_days = (datetime.now(ZoneInfo(TOKYO)) + timedelta(days=3)).weekday()
    return [
        {
            "name": REST,
            "description": "Off today, in whatever week the demo was first loaded.",
            "weekly_days_off": [day for day in WEEK if day != WEEK[in_three_days]],
        }
    ]


def burst_jobs(count: int) -> list[dict[str, Any]]:
    """``count`` no-ops that are all due at second 30 of each minute."""
    return [
        _job(f"{BURST_PREFIX}{number:05}", "noop", _cron("30 * * * * *"))
        for number in range(1, count + 1)
    ]


def _steady_jobs() -> list[dict[str, Any]]:
    return [
        _job("healthy", "sample_healthy", {"kind": "interval", "seconds": 3}, priority=5),
        _job(
            "long",
            "sample_long",
            {"kind": "interval", "seconds": 25},
            default_args_json=["--seconds", "15"],
            concurrency_policy="forbid",
            description="Takes 15 s; skipped while its last run is still open.",
        ),
        _job(
            "heavy",
            "sample_heavy",
            _cron("5,25,45 * * * * *"),
            queue="heavy",
            max_parallel=1,
            timeout_seconds=60.0,
            description="Two seconds of CPU time, on the queue of heavy work.",
        ),
        _job("chatty", "sample_chatty", {"kind": "every_minutes", "minutes": 1}),
        _job("日本語の集計", "sample_japanese", _cron("*/20 * * * * *"), priority=1),
        _job(
            "cold",
            "sample_healthy",
            {"kind": "every_minutes", "minutes": 1},
            isolation="exec",
            description="In a new interpreter, for comparison with the warm fork.",
        ),
    ]


def _troubled_jobs() -> list[dict[str, Any]]:
    return [
        _job(
            "failing",
            "sample_failing",
            {"kind": "interval", "seconds": 20},
            max_attempts=3,
            backoff_seconds=1.0,
            description="Fails twice, then succeeds: look at its attempts.",
        ),
        _job(
            "flaky",
            "sample_flaky",
            _cron("*/7 * * * * *"),
            default_args_json={"chance": 0.3},
            max_attempts=5,
            backoff_seconds=0.5,
        ),
        _job(
            "hanging",
            "sample_long",
            {"kind": "interval", "seconds": 40},
            default_args_json=["--seconds", "30"],
            timeout_seconds=3.0,
            kill_grace_seconds=1.0,
            description="Would take 30 s and is stopped after 3.",
        ),
        _job(
            "newest-wins",
            "sample_long",
            {"kind": "interval", "seconds": 30},
            default_args_json=["--seconds", "32"],
            concurrency_policy="replace",
            kill_grace_seconds=1.0,
            description="A new run cancels the one before it.",
        ),
    ]


def _calendar_jobs() -> list[dict[str, Any]]:
    soon = (datetime.now(UTC) + timedelta(seconds=45)).replace(microsecond=0)
    return [
        _job("朝の集計", "sample_japanese", {"kind": "weekdays", "at": "09:00"}),
        _job("hourly", "sample_healthy", {"kind": "hourly", "minute": 15}),
        _job("nightly", "sample_healthy", {"kind": "daily", "at": "02:30"}),
        _job("weekly", "sample_healthy", {"kind": "weekly", "day": "mon", "at": "08:00"}),
        _job("month-end", "sample_healthy", {"kind": "monthly", "day": "last", "at": "23:30"}),
        _job("once", "sample_healthy", {"kind": "once", "at": soon.isoformat()}),
        _job(
            "new-york-open",
            "sample_healthy",
            _cron("30 9 * * mon-fri"),
            timezone="America/New_York",
            description="In another time zone, one that changes its clocks.",
        ),
    ]


def _event_jobs() -> list[dict[str, Any]]:
    """Started by the orders that the demo posts, one a second."""
    number = {"number": "payload.number"}
    dear = {"path": "payload.total", "op": "ge", "value": 500}
    return [
        _job(
            "on-order",
            "sample_event",
            None,
            triggers=[{"event_type": "demo.order.placed", "args": number}],
            description="One run for each order that is placed.",
        ),
        _job(
            "on-dear-order",
            "sample_event",
            None,
            triggers=[{"event_type": "demo.order.*", "conditions": [dear], "args": number}],
            default_args_json={"fail_until": 2},
            max_attempts=2,
            backoff_seconds=0.5,
            description="For orders from 500 on; fails once, to have the event a second time.",
        ),
    ]


def _business_day_jobs() -> list[dict[str, Any]]:
    return [
        _job(
            "営業日の心拍",
            "noop",
            _cron("*/15 * * * * *"),
            calendar="jp",
            description="Four times a minute on Japan's business days; on others each is skipped.",
        ),
        _job(
            "day-off",
            "noop",
            _cron("*/20 * * * * *"),
            calendar=REST,
            description="Today is off by its calendar: every slot is SKIPPED and says why.",
        ),
        _job(
            "payday",
            "sample_healthy",
            {"kind": "monthly", "day": 25, "at": "09:00"},
            calendar="jp",
            calendar_rule="previous",
            description="On the 25th, or the business day before it.",
        ),
        _job(
            "month-close",
            "sample_japanese",
            {"kind": "business_day", "nth": -1, "at": "17:00"},
            calendar="jp",
            description="On the last business day of the month.",
        ),
    ]


def _dependent_jobs() -> list[dict[str, Any]]:
    """``after``: the jobs whose runs of the same slot must have succeeded."""
    return [
        _job(
            "after-failing",
            "sample_healthy",
            None,
            after=["failing"],
            description="Runs when the slot of 'failing' has succeeded, at its third attempt.",
        ),
        _job("and-then", "sample_healthy", None, after=["after-failing"]),
        _job(
            "集計の確認",
            "sample_japanese",
            _cron("*/20 * * * * *"),
            after=["日本語の集計"],
            description="Has a schedule of its own, and waits for the other's run of the slot.",
        ),
    ]


def _cron(expression: str) -> dict[str, Any]:
    return {"kind": "cron", "expression": expression}


def _job(name: str, command: str, schedule: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    basics = {"name": name, "command_name": command, "schedule": schedule, "timezone": TOKYO}
    return {**basics, "provenance": "scheduler_demo.sample", **fields}
