"""``scheduler_calendar``, as an operator uses it."""

import json
from pathlib import Path

import pytest

from scheduler import requests
from scheduler.management.year_grid import padded, width
from scheduler.models import AdminActionLog, Calendar, JobDefinition
from tests.contract.store.world import World
from tests.integration.store_commands.conftest import Call


@pytest.fixture
def job(world: World) -> JobDefinition:
    return save("payroll", {"kind": "monthly", "day": 25, "at": "09:00"}, calendar_rule="previous")


def save(name: str, schedule, **fields) -> JobDefinition:
    facts = {"command_name": "noop", "timezone": "Asia/Tokyo", "calendar": "jp"}
    return requests.save_definition(name, by="ann", schedule=schedule, **{**facts, **fields})


def month(text: str, name: str) -> list[str]:
    """The lines of one month of a grid."""
    return next(block for block in text.split("\n\n") if block.startswith(name)).splitlines()


class TestThePreviewOfAYear:
    def test_is_a_grid_of_months_with_what_moved_and_the_holidays_by_name(self, job, call: Call):
        told = call("scheduler_calendar", "preview", "payroll", "--year", "2027")
        assert told.code == 0
        assert "365 days: runs on 12, is skipped on 0, moved from 4" in told.out
        assert month(told.out, "2027-04") == [
            "2027-04  21 business days, runs on 1",
            " Mon  Tue  Wed  Thu  Fri  Sat  Sun",
            "                  1    2    3-   4-",
            "   5    6    7    8    9   10-  11-",
            "  12   13   14   15   16   17-  18-",
            "  19   20   21   22   23*  24-  25<",
            "  26   27   28   29-  30",
            "  04-23 Fri *                           runs 09:00, moved from 2027-04-25",
            "  04-25 Sun < a Sunday                  moved to 2027-04-23",
            "  04-29 Thu - 昭和の日",
        ]

    def test_aligns_japanese_too(self, job, call: Call):
        told = call("scheduler_calendar", "preview", "payroll", "--year", "2027", "--lang", "ja")
        april = month(told.out, "2027-04")
        assert april[0] == "2027-04  営業日 21 日、実行 1 日"
        assert april[1] == "  月   火   水   木   金   土   日"
        assert april[-2] == "  04-25 日 < 日曜日                    2027-04-23へ移動"

    def test_is_a_line_for_each_day_when_asked(self, world: World, call: Call):
        save("daily", {"kind": "daily", "at": "09:00"})
        told = call("scheduler_calendar", "preview", "daily", "--year", "2026", "--list")
        lines = [line for line in told.out.splitlines() if line.startswith("2026-")]
        assert len(lines) == 365
        assert "2026-05-01 Fri *                           runs 09:00" in lines
        assert "2026-05-04 Mon x みどりの日                skipped: 09:00" in lines
        assert "2026-05-06 Wed x 振替休日                  skipped: 09:00" in lines

    def test_is_one_json_object_when_asked(self, job, call: Call):
        told = call("scheduler_calendar", "preview", "payroll", "--year", "2027", "--json")
        found = json.loads(told.out)
        assert (found["job"], found["calendar"], found["calendar_rule"]) == (
            "payroll",
            "jp",
            "previous",
        )
        assert len(found["days"]) == 365
        (day,) = [each for each in found["days"] if each["date"] == "2027-04-23"]
        assert day["runs"] == ["09:00:00"]
        assert day["moved_in"] == [{"at": "09:00:00", "from": "2027-04-25"}]

    def test_of_a_year_whose_equinoxes_are_not_fixed_says_so(self, job, call: Call):
        told = call("scheduler_calendar", "preview", "payroll", "--year", "2060")
        assert "Note: The equinox holidays of 2060" in told.out
        assert "366 days" in told.out

    def test_of_a_job_that_runs_each_second_lists_a_few_times(self, world: World, call: Call):
        save("beat", {"kind": "cron", "expression": "* * * * * *"})
        told = call("scheduler_calendar", "preview", "beat", "--year", "2027", "--list")
        assert "2027-01-01 Fri x 元日                      skipped: 00:00 00:00:01" in told.out
        assert max(len(line) for line in told.out.splitlines()) < 120

    def test_of_a_job_without_a_calendar_is_a_plain_year(self, world: World, call: Call):
        save("plain", {"kind": "weekly", "day": "mon", "at": "09:00"}, calendar="")
        told = call("scheduler_calendar", "preview", "plain", "--year", "2026")
        assert "runs on 52, is skipped on 0" in told.out

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["preview", "payrol"], "There is no job 'payrol'; did you mean 'payroll'?"),
            (["preview", "payroll", "--year", "99999"], "a year from 1970 to 9998"),
            (["next", "payroll", "--count", "0"], "a whole number from 1 to 1,000"),
            (["show", "acme"], "There is no calendar 'acme'; there are: jp."),
            (["set", "acme", "--country", "XX"], "a country code of ISO 3166"),
            (["set", "acme", "--weekly-days-off", "sut"], "'weekly_days_off' is 'sut'"),
            (["set", "a b"], "'name' is 'a b'"),
            (["set-days", "jp"], "one or more of --off, --on, --clear"),
            (["set-days", "jp", "--off", "soon"], "a date such as 2026-12-29"),
            (["set-days", "jp", "--off", "2027-01-03..2026-12-29"], "not before its start"),
            (["set-days", "jp", "--off", "2027-01-03", "--on", "2027-01-03"], "each day once"),
            (["import", "jp", "/nowhere.csv"], "a readable file"),
            (["delete", "jp"], "is used by payroll"),
            (["refresh", "acme"], "There is no calendar 'acme'"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_wrong_input_is_one_sentence_and_exit_code_2(
        self, job, call: Call, arguments: list[str], sentence: str
    ):
        told = call("scheduler_calendar", *arguments)
        assert told.code == 2
        assert sentence in told.err
        assert len(told.err.strip().splitlines()) == 1


class TestACalendar:
    def test_is_listed_before_and_after_its_first_job(self, world: World, call: Call):
        assert call("scheduler_calendar", "list").out.startswith("jp: weekly off: sat, sun")
        save("payroll", {"kind": "daily", "at": "09:00"})
        assert "jobs: payroll" in call("scheduler_calendar", "list").out
        (found,) = json.loads(call("scheduler_calendar", "list", "--json").out)
        assert (found["name"], found["stored"], found["jobs"]) == ("jp", True, ["payroll"])

    def test_of_a_company_is_made_filled_shown_and_deleted(self, world: World, call: Call):
        call("scheduler_calendar", "set", "acme", "--country", "JP", "--description", "本社")
        off = ["--off", "2026-12-29..2027-01-03", "--note", "年末年始休業"]
        told = call("scheduler_calendar", "set-days", "acme", *off)
        assert "6 days off; 0 extra working days" in told.out
        call("scheduler_calendar", "set-days", "acme", "--on", "2026-12-26", "--note", "振替出勤")
        shown = call("scheduler_calendar", "show", "acme", "--year", "2026").out
        december = month(shown, "2026-12")
        assert december[0] == "2026-12  21 business days"
        assert december[-4:] == [
            "  12-26 Sat   extra working day (振替出勤)",
            "  12-29 Tue - a company day off: 年末年始休業",
            "  12-30 Wed - a company day off: 年末年始休業",
            "  12-31 Thu - a company day off: 年末年始休業",
        ]
        call("scheduler_calendar", "set-days", "acme", "--clear", "2026-12-29..2027-01-03")
        assert list(Calendar.objects.get().days) == ["2026-12-26"]
        assert call("scheduler_calendar", "delete", "acme").out == "Calendar acme is deleted.\n"
        assert AdminActionLog.objects.first() is not None

    def test_without_weekly_days_off_is_possible(self, world: World, call: Call):
        call("scheduler_calendar", "set", "shop", "--weekly-days-off", "")
        assert "weekly off: none" in call("scheduler_calendar", "list").out

    def test_is_refreshed_or_only_told_what_would_change(self, job, call: Call):
        jp = Calendar.objects.get()
        jp.holidays.pop("2026-05-04")
        jp.save()
        assert "says otherwise on 1 days" in call("scheduler_calendar", "list").out
        told = call("scheduler_calendar", "refresh", "jp", "--dry-run")
        assert told.out.splitlines() == [
            "1 public holidays would change.",
            "2026-05-04: no holiday -> みどりの日",
        ]
        assert "changed" in call("scheduler_calendar", "refresh", "jp").out
        assert Calendar.objects.get().holidays["2026-05-04"] == "みどりの日"

    def test_next_fire_times_say_what_is_skipped(self, world: World, call: Call):
        save("daily", {"kind": "daily", "at": "09:00"})
        rows = call("scheduler_calendar", "next", "daily", "--count", "8").out.splitlines()
        assert len(rows) == 8
        assert any("SKIPPED" in row and "(calendar jp)" in row for row in rows)
        found = json.loads(call("scheduler_calendar", "next", "daily", "--json").out)
        assert {each["runs"] for each in found} == {True, False}

    def test_help_shows_examples(self, world: World, call: Call, capsys):
        assert call("scheduler_calendar", "--help").code == 0
        assert "scheduler_calendar preview payroll --year 2027" in capsys.readouterr().out


CSV = """date,kind,note
# the year end
2026-12-29..2027-01-03,off,年末年始休業
2026-12-26,on,"振替出勤, 本社"
"""
ICS = """BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261229
DTEND;VALUE=DATE:20261231
SUMMARY:年末
 休業
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20270104
SUMMARY:仕事始め\\, 休み
END:VEVENT
END:VCALENDAR
"""


class TestAnImport:
    def import_(self, call: Call, folder: Path, name: str, text: str):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return call("scheduler_calendar", "import", "jp", str(path))

    def test_of_csv_takes_ranges_and_both_kinds(self, world: World, call: Call, tmp_path: Path):
        told = self.import_(call, tmp_path, "days.csv", CSV)
        assert told.out.startswith("7 days taken.")
        days = Calendar.objects.get().days
        assert days["2027-01-03"] == {"open": False, "note": "年末年始休業"}
        assert days["2026-12-26"] == {"open": True, "note": "振替出勤, 本社"}

    def test_of_icalendar_takes_all_day_events_as_days_off(
        self, world: World, call: Call, tmp_path: Path
    ):
        told = self.import_(call, tmp_path, "days.ics", ICS)
        assert told.out.startswith("3 days taken.")
        days = Calendar.objects.get().days
        assert days == {
            "2026-12-29": {"open": False, "note": "年末休業"},
            "2026-12-30": {"open": False, "note": "年末休業"},
            "2027-01-04": {"open": False, "note": "仕事始め, 休み"},
        }

    @pytest.mark.parametrize(
        ("name", "text", "sentence"),
        [
            ("a.csv", "2026-12-29,holiday,x\n", "'line 1' is '2026-12-29,holiday,x'"),
            ("a.csv", "date,kind,note\n", "at least one day"),
            ("a.csv", "29.12.2026,off,x\n", "a date such as 2026-12-29"),
            ("a.ics", ICS.replace("SUMMARY:年末", "RRULE:FREQ=YEARLY\nSUMMARY:x"), "do not repeat"),
            ("a.ics", ICS.replace("20270104", "20270104T090000"), "all days, no times"),
        ],
    )
    def test_of_something_else_changes_nothing(
        self, world: World, call: Call, tmp_path: Path, name: str, text: str, sentence: str
    ):
        told = self.import_(call, tmp_path, name, text)
        assert told.code == 2
        assert sentence in told.err
        assert not Calendar.objects.exists()


def test_wide_characters_take_two_columns():
    assert (width("abc"), width("元日"), width("a元")) == (3, 4, 3)
    assert padded("元日", 6) == "元日  "
