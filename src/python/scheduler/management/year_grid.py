"""A year in the terminal: a grid for each month, or a line for each day.

Wide characters (Japanese) take two columns, so text is padded by what it shows, not by its length.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from scheduler.domain.calendars import WEEKDAY_NAMES
from scheduler.queries.preview import DayOfPreview

CELL = 5
TIMES_SHOWN = 4
HEADS = {
    lang: [name[:width] for name in WEEKDAY_NAMES[lang]] for lang, width in (("en", 3), ("ja", 1))
}
LEGEND = {
    "en": "* runs   x skipped   > moved to a later day   < moved to an earlier day   - day off",
    "ja": "* 実行   x スキップ   > 後の日へ移動   < 前の日へ移動   - 休業日",
}
WORDS = {
    "en": {
        "runs": "runs {times}",
        "skipped": "skipped: {times}",
        "moved_in": "runs {time}, moved from {day}",
        "moved_to": "moved to {day}",
        "work": "extra working day",
        "month": "{business} business days, runs on {runs}",
        "days": "{business} business days",
    },
    "ja": {
        "runs": "{times} 実行",
        "skipped": "スキップ {times}",
        "moved_in": "{time} 実行（{day}から移動）",
        "moved_to": "{day}へ移動",
        "work": "振替出勤日",
        "month": "営業日 {business} 日、実行 {runs} 日",
        "days": "営業日 {business} 日",
    },
}


def width(text: str) -> int:
    """The columns that a text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1
        for mark in text
    )


def padded(text: str, columns: int) -> str:
    return text + " " * max(columns - width(text), 0)


def grid(days: Sequence[DayOfPreview], lang: str, *, of_job: bool) -> str:
    """Twelve months, each with a note for every day that needs one."""
    months = groupby(days, key=lambda each: each.day.replace(day=1))
    return "\n\n".join(_month(list(month), lang, of_job) for _first, month in months)


def lines(days: Iterable[DayOfPreview], lang: str) -> str:
    """One line for each day: date, weekday, mark, why it is off, what happens."""
    return "\n".join(_line(each, lang) for each in days)


def mark(each: DayOfPreview) -> str:
    if each.runs:
        return "*"
    if each.skipped:
        return "x"
    if each.moved_to is not None:
        return ">" if each.moved_to > each.day else "<"
    return "-" if each.closing is not None else " "


def _month(days: list[DayOfPreview], lang: str, of_job: bool) -> str:
    first = days[0].day
    open_days = sum(each.closing is None for each in days)
    words = WORDS[lang]["month" if of_job else "days"]
    title = words.format(business=open_days, runs=sum(bool(each.runs) for each in days))
    heads = "".join(" " * (CELL - 1 - width(head)) + head + " " for head in HEADS[lang])
    cells = [" " * CELL] * first.weekday() + [f"{e.day.day:>{CELL - 1}}{mark(e)}" for e in days]
    weeks = ["".join(cells[start : start + 7]).rstrip() for start in range(0, len(cells), 7)]
    notes = [_line(each, lang, short=True) for each in days if _needs_note(each)]
    return "\n".join([f"{first:%Y-%m}  {title}", heads.rstrip(), *weeks, *notes])


def _needs_note(each: DayOfPreview) -> bool:
    named = each.closing is not None and each.closing.kind != "weekly"
    return named or each.extra_work is not None or bool(each.moved_in) or bool(each.moved_to)


def _line(each: DayOfPreview, lang: str, *, short: bool = False) -> str:
    weekday = HEADS[lang][each.day.weekday()]
    when = f"  {each.day:%m-%d}" if short else f"{each.day}"
    parts = [f"{when} {weekday} {mark(each)} ", padded(_why(each, lang), 24)]
    return ("".join(parts) + "  " + "; ".join(_what(each, lang))).rstrip()


def _why(each: DayOfPreview, lang: str) -> str:
    if each.closing is not None:
        return each.closing.words(lang)
    if each.extra_work is None:
        return ""
    work = WORDS[lang]["work"]
    return f"{work} ({each.extra_work})" if each.extra_work else work


def _what(each: DayOfPreview, lang: str) -> Iterator[str]:
    words = WORDS[lang]
    moved = {time for time, _day in each.moved_in}
    if own := [time for time in each.runs if time not in moved]:
        yield words["runs"].format(times=_times(own, each.more))
    if each.skipped:
        yield words["skipped"].format(times=_times(each.skipped, each.more))
    for time, day in each.moved_in[:TIMES_SHOWN]:
        yield words["moved_in"].format(time=_times([time]), day=day)
    if each.moved_to is not None:
        yield words["moved_to"].format(day=each.moved_to)


def _times(times: Sequence[str], more: bool = False) -> str:
    shown = [time[:5] if time.endswith(":00") else time for time in times[:TIMES_SHOWN]]
    return " ".join(shown) + (" ..." if more or len(times) > TIMES_SHOWN else "")
