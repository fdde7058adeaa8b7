"""Schedules in words, in English and Japanese, for previews and lists."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim.explain import Expression

from scheduler.domain.schedules.forms import (
    LAST,
    WORKING_DAYS,
    Cron,
    Daily,
    EveryMinutes,
    Form,
    Hourly,
    Interval,
    Monthly,
    Once,
    Weekdays,
    Weekly,
    describe_days,
    spell,
)

ENGLISH, JAPANESE = "en", "ja"
ENGLISH_DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
JAPANESE_DAYS = dict(zip(ENGLISH_DAYS, "月火水木金土日", strict=True))

RULES = {
    "fixed": {
        ENGLISH: "Each time named happens exactly once: on a day on which the clock skips it, "
        "right after the gap; on a day on which the clock shows it twice, the first time.",
        JAPANESE: "指定した時刻につき必ず1回だけ実行します。時計の切り替え（夏時間など）で"
        "その時刻がない日は切り替えの直後に、2回ある日は1回目に実行します。",
    },
    "running": {
        ENGLISH: "Follows the clock on the wall: nothing in an hour that is skipped, and again in "
        "an hour that the clock shows twice.",
        JAPANESE: "時計の表示に従います。切り替え（夏時間など）で飛ばされる時間帯には"
        "実行せず、2回ある時間帯には2回とも実行します。",
    },
    "absolute": {
        ENGLISH: "Counts real time: changes of the clock do not touch it.",
        JAPANESE: "実際の経過時間で数えるため、時計の切り替え（夏時間など）の影響を受けません。",
    },
}


def describe(form: Form, zone: ZoneInfo, lang: str) -> str:
    """The form in words. Any language but Japanese gets English."""
    words = _JAPANESE if is_japanese(lang) else _ENGLISH
    return words[type(form)](form, zone)


def rule_in_words(form: Form, lang: str) -> str:
    """What this form does on the days on which the clock is changed."""
    return RULES[_rule(form)][JAPANESE if is_japanese(lang) else ENGLISH]


def is_japanese(lang: str) -> bool:
    return lang.lower().split("-")[0] == JAPANESE


def _rule(form: Form) -> str:
    running = getattr(form, "running", None)
    if running is None:
        return "absolute"
    return "running" if running else "fixed"


# -------------------------------------------------------------------------------------- English


def _weekdays_en(form: Weekdays, zone: ZoneInfo) -> str:
    if form.days == WORKING_DAYS:
        return f"Monday to Friday at {spell(form.at)}"
    return f"every {describe_days(ENGLISH_DAYS, form.days, ', ')} at {spell(form.at)}"


def _monthly_en(form: Monthly, zone: ZoneInfo) -> str:
    if form.day == LAST:
        return f"on the last day of each month at {spell(form.at)}"
    missing = {"skip": " (months without it are skipped)", "last": " (or the month's last day)"}
    note = missing[form.missing] if _may_be_missing(form) else ""
    return f"on day {form.day} of each month at {spell(form.at)}{note}"


def _cron_en(form: Cron, zone: ZoneInfo) -> str:
    words = Expression(form.patterns()[0].split()).explain()
    return f"{words[:1].lower()}{words[1:]} (cron: {form.expression})"


def _minutes_en(form: EveryMinutes, zone: ZoneInfo) -> str:
    return "every minute" if form.minutes == 1 else f"every {form.minutes} minutes"


def _interval_en(form: Interval, zone: ZoneInfo) -> str:
    every = "every second" if form.seconds == 1 else f"every {form.seconds} seconds"
    return f"{every}, counted from {moment(form.anchor, zone, ENGLISH)}"


_ENGLISH: dict[type[Any], Callable[[Any, ZoneInfo], str]] = {
    EveryMinutes: _minutes_en,
    Hourly: lambda form, zone: f"every hour at minute {form.minute}",
    Daily: lambda form, zone: f"every day at {spell(form.at)}",
    Weekdays: _weekdays_en,
    Weekly: lambda form, zone: f"every {ENGLISH_DAYS[form.day]} at {spell(form.at)}",
    Monthly: _monthly_en,
    Once: lambda form, zone: f"once, at {moment(form.instant(zone), zone, ENGLISH)}",
    Interval: _interval_en,
    Cron: _cron_en,
}


# ------------------------------------------------------------------------------------- Japanese


def _weekdays_ja(form: Weekdays, zone: ZoneInfo) -> str:
    if form.days == WORKING_DAYS:
        return f"平日（月〜金）の{spell(form.at)}"
    return f"毎週{describe_days(JAPANESE_DAYS, form.days, '・')}曜日の{spell(form.at)}"


def _monthly_ja(form: Monthly, zone: ZoneInfo) -> str:
    if form.day == LAST:
        return f"毎月末日の{spell(form.at)}"
    missing = {"skip": "（その日がない月は実行しない）", "last": "（その日がない月は末日）"}
    note = missing[form.missing] if _may_be_missing(form) else ""
    return f"毎月{form.day}日の{spell(form.at)}{note}"


_JAPANESE: dict[type[Any], Callable[[Any, ZoneInfo], str]] = {
    EveryMinutes: lambda form, zone: "毎分" if form.minutes == 1 else f"{form.minutes}分ごと",
    Hourly: lambda form, zone: f"毎時{form.minute}分",
    Daily: lambda form, zone: f"毎日{spell(form.at)}",
    Weekdays: _weekdays_ja,
    Weekly: lambda form, zone: f"毎週{JAPANESE_DAYS[form.day]}曜日の{spell(form.at)}",
    Monthly: _monthly_ja,
    Once: lambda form, zone: f"{moment(form.instant(zone), zone, JAPANESE)}に1回だけ",
    Interval: lambda form, zone: (
        f"{form.seconds}秒ごと（起点: {moment(form.anchor, zone, JAPANESE)}）"
    ),
    Cron: lambda form, zone: f"cron式「{form.expression}」",
}


def moment(instant: datetime, zone: ZoneInfo, lang: str) -> str:
    """An instant as a wall time of the zone, to the minute or, where it matters, the second."""
    wall = instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(zone)
    clock = spell(wall.time().replace(microsecond=0))
    if is_japanese(lang):
        return f"{wall.year}年{wall.month}月{wall.day}日 {clock}"
    return f"{wall:%Y-%m-%d} {clock}"


def _may_be_missing(form: Monthly) -> bool:
    return isinstance(form.day, int) and form.day > 28
