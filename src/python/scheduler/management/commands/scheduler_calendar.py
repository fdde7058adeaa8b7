"""``manage.py scheduler_calendar``: business calendars, and what they do to a job's year."""

import json
from argparse import RawDescriptionHelpFormatter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from scheduler.domain.calendars import CalendarRule
from scheduler.management.asking import me
from scheduler.management.calendar_days import changes_of, read_days
from scheduler.management.failing import plainly
from scheduler.management.year_grid import LEGEND, grid, lines, mark
from scheduler.queries.calendars import (
    CalendarView,
    calendar_of,
    calendar_view,
    calendars,
    cautions,
)
from scheduler.queries.preview import DayOfPreview, days_of, fire_times, schedule_of, year_of
from scheduler.requests.calendars import (
    delete_calendar,
    refresh_calendar,
    save_calendar,
    set_days,
)

EPILOG = """
examples:
  scheduler_calendar list
  scheduler_calendar show jp --year 2027
  scheduler_calendar set acme --country JP --description "Head office"
  scheduler_calendar set-days acme --off 2026-12-29..2027-01-03 --note 年末年始休業
  scheduler_calendar set-days acme --on 2026-12-26 --note 振替出勤
  scheduler_calendar preview payroll --year 2027
  scheduler_calendar preview payroll --year 2027 --list --lang ja
  scheduler_calendar next payroll --count 5

A job uses a calendar by its fields `calendar` (the name) and `calendar_rule` (only, next or
previous). A change of a calendar plans its jobs anew from now on. The calendar jp (Japan's public
holidays, Saturdays and Sundays off) is made when it is first used. More: docs/calendars.md.
Exit code 2, and one sentence, for what is asked wrongly.
"""


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = "Business calendars: see and change them, and see what they do to a job's year."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs |= {"epilog": EPILOG, "formatter_class": RawDescriptionHelpFormatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        each = actions.add_parser("list", help="all calendars, and the jobs that use them")
        each.add_argument("--json", action="store_true", help="one JSON list instead of text")
        each = actions.add_parser("show", help="a calendar's year: its days off by name")
        each.add_argument("name", help="name of the calendar")
        _add_year(each)
        each = actions.add_parser("preview", help="a job's year: which days it runs, and why not")
        each.add_argument("job", help="name of the job")
        _add_year(each)
        each = actions.add_parser("next", help="a job's next fire times, with skips and moves")
        each.add_argument("job", help="name of the job")
        each.add_argument("--count", type=int, default=10, metavar="N", help="how many (10)")
        each.add_argument("--lang", choices=["en", "ja"], default="en", help="of the notes")
        each.add_argument("--json", action="store_true", help="one JSON list instead of text")
        _add_changes(actions)

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            text = getattr(self, f"_{options['action'].replace('-', '_')}")(options)
        self.stdout.write(text)

    # ------------------------------------------------------------------------------- looking

    def _list(self, options: dict[str, Any]) -> str:
        found = calendars()
        if options["json"]:
            return json.dumps([asdict(view) for view in found], ensure_ascii=False)
        return "\n".join(_in_words(view) for view in found)

    def _show(self, options: dict[str, Any]) -> str:
        name, year = options["name"], _year(options)
        view, days = calendar_view(name), days_of(calendar_of(name), year)
        if options["json"]:
            return _as_json(days, asdict(view), _cautions(name, year))
        return _as_text(_in_words(view), days, options, _cautions(name, year), of_job=False)

    def _preview(self, options: dict[str, Any]) -> str:
        schedule, year = schedule_of(options["job"]), _year(options)
        days = year_of(schedule, year)
        name = schedule.use.calendar.name if schedule.use else ""
        warnings = _cautions(name, year) if name else []
        if options["json"]:
            rule = schedule.use.rule if schedule.use else CalendarRule.ONLY
            facts = {"job": options["job"], "schedule": schedule.to_spec(), "calendar": name}
            facts |= {"calendar_rule": rule, "timezone": schedule.zone.key}
            return _as_json(days, facts, warnings)
        head = f"{options['job']} in {year}: {schedule.describe(options['lang'])}\n{_counts(days)}"
        return _as_text(head, days, options, warnings, of_job=True)

    def _next(self, options: dict[str, Any]) -> str:
        schedule = schedule_of(options["job"])
        found = fire_times(schedule, datetime.now(UTC), options["count"], options["lang"])
        if options["json"]:
            return json.dumps([asdict(each) for each in found], ensure_ascii=False, default=str)
        rows = [
            f"{each.local:%Y-%m-%d %a %H:%M:%S %Z}  {'runs' if each.runs else 'SKIPPED'}"
            + (f"  {each.note}" if each.note else "")
            for each in found
        ]
        return "\n".join(rows) or f"{options['job']} has no more fire times."

    # ------------------------------------------------------------------------------ changing

    def _set(self, options: dict[str, Any]) -> str:
        given = {key: options[key] for key in ("country", "description", "weekly_days_off")}
        fields = {key: value for key, value in given.items() if value is not None}
        if "weekly_days_off" in fields:
            fields["weekly_days_off"] = [d for d in fields["weekly_days_off"].split(",") if d]
        save_calendar(options["name"], by=me(), **fields)
        return _in_words(calendar_view(options["name"]))

    def _set_days(self, options: dict[str, Any]) -> str:
        changes = changes_of(options["off"], options["on"], options["clear"], options["note"])
        set_days(options["name"], changes, by=me())
        return _in_words(calendar_view(options["name"]))

    def _import(self, options: dict[str, Any]) -> str:
        changes = read_days(options["file"])
        set_days(options["name"], changes, by=me())
        return f"{len(changes)} days taken.\n" + _in_words(calendar_view(options["name"]))

    def _refresh(self, options: dict[str, Any]) -> str:
        changes = calendar_view(options["name"]).outdated
        if not options["dry_run"]:
            refresh_calendar(options["name"], by=me())
        done = "would change" if options["dry_run"] else "changed"
        return "\n".join([f"{len(changes)} public holidays {done}.", *changes])

    def _delete(self, options: dict[str, Any]) -> str:
        delete_calendar(options["name"], by=me())
        return f"Calendar {options['name']} is deleted."


def _add_year(parser: CommandParser) -> None:
    parser.add_argument("--year", type=int, metavar="YYYY", help="which year (this one)")
    parser.add_argument("--list", action="store_true", help="a line for each day, no grid")
    parser.add_argument("--lang", choices=["en", "ja"], default="en", help="of the words")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def _add_changes(actions: Any) -> None:
    each = actions.add_parser("set", help="make a calendar, or change what it is made of")
    each.add_argument("name", help="name of the calendar")
    each.add_argument("--country", metavar="CC", help="whose public holidays are off: JP, US, ...")
    each.add_argument(
        "--weekly-days-off", metavar="DAYS", help="for example sat,sun; empty: none (sat,sun)"
    )
    each.add_argument("--description", metavar="TEXT", help="for people")
    each = actions.add_parser("set-days", help="name days off, and days worked by exception")
    each.add_argument("name", help="name of the calendar")
    for option, meaning in (
        ("--off", "days off"),
        ("--on", "days that are worked though they would be off"),
        ("--clear", "days that are as the rules say again"),
    ):
        each.add_argument(
            option, action="append", default=[], metavar="DAY[..DAY]", help=f"{meaning}; repeatable"
        )
    each.add_argument("--note", default="", metavar="TEXT", help="why, for all days given here")
    each = actions.add_parser("import", help="take days from a CSV or iCalendar (.ics) file")
    each.add_argument("name", help="name of the calendar")
    each.add_argument(
        "file",
        help="CSV: date,kind,note (kind off, on or clear); .ics: all-day events are days off",
    )
    each = actions.add_parser("refresh", help="take the public holidays anew from the package")
    each.add_argument("name", help="name of the calendar")
    each.add_argument("--dry-run", action="store_true", help="only say what would change")
    each = actions.add_parser("delete", help="delete a calendar that no job uses")
    each.add_argument("name", help="name of the calendar")


def _year(options: dict[str, Any]) -> int:
    return int(options["year"]) if options["year"] is not None else datetime.now(UTC).year


def _cautions(name: str, year: int) -> list[str]:
    return cautions(name, year, datetime.now(UTC).date())


def _counts(days: list[DayOfPreview]) -> str:
    runs, skipped = sum(bool(d.runs) for d in days), sum(bool(d.skipped) for d in days)
    moved = sum(d.moved_to is not None for d in days)
    return f"{len(days)} days: runs on {runs}, is skipped on {skipped}, moved from {moved}"


def _as_text(
    head: str, days: list[DayOfPreview], options: dict[str, Any], notes: list[str], *, of_job: bool
) -> str:
    lang = options["lang"]
    year = lines(days, lang) if options["list"] else grid(days, lang, of_job=of_job)
    legend = [LEGEND[lang]] if of_job else []
    return "\n".join([head, *(f"Note: {note}" for note in notes), *legend, "", year])


def _as_json(days: list[DayOfPreview], facts: dict[str, Any], notes: list[str]) -> str:
    found = [
        {
            "date": each.day,
            "business_day": each.closing is None,
            "why_off": each.closing.words() if each.closing else "",
            "mark": mark(each).strip(),
            "runs": each.runs,
            "skipped": each.skipped,
            "moved_in": [{"at": at, "from": day} for at, day in each.moved_in],
            "moved_to": each.moved_to,
            "more": each.more,
        }
        for each in days
    ]
    return json.dumps({**facts, "notes": notes, "days": found}, ensure_ascii=False, default=str)


def _in_words(view: CalendarView) -> str:
    parts = [f"weekly off: {', '.join(view.weekly_days_off) or 'none'}"]
    if view.country:
        years = f"{view.holidays_from}-{view.holidays_until}"
        parts.append(f"public holidays of {view.country} ({view.holidays_source}, {years})")
    parts += [f"{view.days_off} days off", f"{view.extra_working_days} extra working days"]
    parts.append(f"jobs: {', '.join(view.jobs) or 'none'}")
    text = f"{view.name}: {'; '.join(parts)}"
    if view.description:
        text += f"\n  {view.description}"
    if view.outdated:
        text += f"\n  The installed package says otherwise on {len(view.outdated)} days: "
        text += f"scheduler_calendar refresh {view.name} --dry-run shows them."
    return text
