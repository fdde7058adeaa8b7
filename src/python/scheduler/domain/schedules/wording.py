"""Schedules in words, in English and Japanese, for previews and lists."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cronsim.explain import Expression

from scheduler.domain.calendars import WEEK, WEEKDAY_NAMES, CalendarRule
from scheduler.domain.schedules.business import CalendarUse, Occurrence
from scheduler.domain.schedules.forms import (
    LAST,
    WORKING_DAYS,
    BusinessDay,
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
ENGLISH_DAYS = dict(zip(WEEK, WEEKDAY_NAMES[ENGLISH], strict=True))
JAPANESE_DAYS = {day: name[0] for day, name in zip(WEEK, WEEKDAY_NAMES[JAPANESE], strict=True)}

_ON_CALENDAR: dict[str, dict[CalendarRule | None, str]] = {
    ENGLISH: {
        None: " by calendar {name}",
        CalendarRule.ONLY: ", only on business days of calendar {name}",
        CalendarRule.NEXT: ", moved to the next business day of calendar {name}",
        CalendarRule.PREVIOUS: ", moved to the previous business day of calendar {name}",
    },
    JAPANESE: {
        None: "、カレンダー {name}",
        CalendarRule.ONLY: "、カレンダー {name} の営業日のみ",
        CalendarRule.NEXT: "、休業日はカレンダー {name} の翌営業日に",
        CalendarRule.PREVIOUS: "、休業日はカレンダー {name} の前営業日に",
    },
}
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


def on_calendar(form: Form, use: CalendarUse | None, lang: str) -> str:
    """What follows ``describe`` where the schedule has a calendar; empty without one."""
    if use is None:
        return ""
    rule = None if isinstance(form, BusinessDay) else use.rule
    name = use.calendar.name
    return _ON_CALENDAR[JAPANESE if is_japanese(lang) else ENGLISH][rule].format(name=name)


def calendar_note(found: Occurrence, use: CalendarUse, lang: str) -> str:
    """``2026-05-04 is みどりの日 (calendar jp)``; for a moved slot where it came from."""
    name, japanese = use.calendar.name, is_japanese(lang)
    day = found.day if found.closed else found.moved_from
    closing = None if day is None else use.calendar.closing(day)
    if closing is None:
        return ""
    words = closing.words(JAPANESE if japanese else ENGLISH)
    if japanese:
        if found.closed:
            return f"{day}は{words}（カレンダー {name}）"
        return f"{day}（{words}、カレンダー {name}）から移動"
    if found.closed:
        return f"{day} is {words} (calendar {name})"
    return f"moved from {day}, which is {words} (calendar {name})"


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


def _business_day_en(form: BusinessDay, zone: ZoneInfo) -> str:
    return f"on the {_ordinal(form.nth)} business day of each month at {spell(form.at)}"


def _ordinal(nth: int) -> str:
    """``1st``, ``last``, ``2nd last``."""
    if nth == -1:
        return "last"
    count = abs(nth)
    ending = "th" if count in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}" + (" last" if nth < 0 else "")


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
    BusinessDay: _business_day_en,
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


def _business_day_ja(form: BusinessDay, zone: ZoneInfo) -> str:
    count = abs(form.nth)
    day = f"第{count}営業日" if form.nth > 0 else f"最終から{count}番目の営業日"
    return f"毎月{'最終営業日' if form.nth == -1 else day}の{spell(form.at)}"


_JAPANESE: dict[type[Any], Callable[[Any, ZoneInfo], str]] = {
    EveryMinutes: lambda form, zone: "毎分" if form.minutes == 1 else f"{form.minutes}分ごと",
    Hourly: lambda form, zone: f"毎時{form.minute}分",
    Daily: lambda form, zone: f"毎日{spell(form.at)}",
    Weekdays: _weekdays_ja,
    Weekly: lambda form, zone: f"毎週{JAPANESE_DAYS[form.day]}曜日の{spell(form.at)}",
    Monthly: _monthly_ja,
    BusinessDay: _business_day_ja,
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
