"""Days as people write them: on the command line, in a CSV file, in an iCalendar file."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path

from scheduler.domain.calendars import DAYS_AT_MOST, CalendarDay, days_between
from scheduler.domain.errors import InvalidCalendar

Changes = dict[date, CalendarDay | None]
KINDS = ("off", "on", "clear")


def changes_of(off: list[str], on: list[str], clear: list[str], note: str) -> Changes:
    """What ``--off``, ``--on`` and ``--clear`` ask for. Raises InvalidCalendar, also for a day that
    is given twice with two meanings and where none is given."""
    changes: Changes = {}
    for kind, texts in zip(KINDS, (off, on, clear), strict=True):
        for text in texts:
            for day in _days(text):
                _put(changes, day, kind, note)
    if not changes:
        raise InvalidCalendar("days", None, "one or more of --off, --on, --clear")
    return changes


def read_days(path: str) -> Changes:
    """The days of a file: ``.ics`` is iCalendar, all else CSV. Raises InvalidCalendar."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InvalidCalendar("file", path, f"a readable file in UTF-8 ({why})") from error
    changes: Changes = {}
    found = _of_icalendar(text) if path.lower().endswith(".ics") else _of_csv(text)
    for day, kind, note in found:
        _put(changes, day, kind, note)
    if not changes:
        raise InvalidCalendar("file", path, "at least one day")
    return changes


def _put(changes: Changes, day: date, kind: str, note: str) -> None:
    wanted = None if kind == "clear" else CalendarDay(kind == "on", note)
    if day in changes and changes[day] != wanted:
        raise InvalidCalendar("days", day.isoformat(), "each day once")
    changes[day] = wanted


def _days(text: str) -> Iterator[date]:
    """``2026-12-29`` or ``2026-12-29..2027-01-03``, both ends included."""
    first, dots, last = text.partition("..")
    start = _date(first, text)
    end = _date(last, text) if dots else start
    if not 0 <= (end - start).days < DAYS_AT_MOST:
        raise InvalidCalendar(
            "days", text, f"an end not before its start, {DAYS_AT_MOST:,} days at most"
        )
    return days_between(start, end)


def _of_csv(text: str) -> Iterator[tuple[date, str, str]]:
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#") or (number == 1 and cells[0] == "date"):
            continue
        kind = cells[1] if len(cells) > 1 else ""
        if kind not in KINDS:
            raise InvalidCalendar(
                f"line {number}", ",".join(row), "date,kind,note; kind off, on, clear"
            )
        note = cells[2] if len(cells) > 2 else ""
        for day in _days(cells[0]):
            yield day, kind, note


def _of_icalendar(text: str) -> Iterator[tuple[date, str, str]]:
    """All-day events (RFC 5545, ``VALUE=DATE``) as days off; ``DTEND`` is exclusive there. Events
    with a time of day, and repeating ones, are refused: what they mean for a day is not said."""
    event: dict[str, str] = {}
    for line in _unfolded(text.splitlines()):
        name, _, value = line.partition(":")
        key, _, parameters = name.partition(";")
        if line == "BEGIN:VEVENT":
            event = {}
        elif line == "END:VEVENT":
            yield from _of_event(event)
        elif key in ("DTSTART", "DTEND"):
            event[key] = value if "VALUE=DATE" in parameters or len(value) == 8 else f"time {value}"
        elif key in ("SUMMARY", "RRULE"):
            event[key] = value.replace("\\,", ",").replace("\\;", ";").replace("\\n", " ")


def _of_event(event: dict[str, str]) -> Iterator[tuple[date, str, str]]:
    summary = event.get("SUMMARY", "")
    if "RRULE" in event:
        raise InvalidCalendar("file", f"{summary}: {event['RRULE']}", "events that do not repeat")
    start = _date(event.get("DTSTART", ""), summary)
    end = _date(event["DTEND"], summary) - timedelta(days=1) if "DTEND" in event else start
    for day in days_between(start, min(end, start + timedelta(days=DAYS_AT_MOST))):
        yield day, "off", summary


def _unfolded(lines: Iterable[str]) -> Iterator[str]:
    """Lines that begin with a space go on the one before."""
    kept = ""
    for line in lines:
        if line.startswith((" ", "\t")):
            kept += line[1:]
        else:
            yield kept
            kept = line
    yield kept


def _date(text: str, whole: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        allowed = "a date such as 2026-12-29, or from..to (all days, no times)"
        raise InvalidCalendar("days", whole or text, allowed) from None
