"""Calendars and their jobs, as people save them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from scheduler import requests
from scheduler.domain.calendars import CalendarDay
from scheduler.domain.edits import read_segment
from scheduler.domain.errors import (
    CalendarInUse,
    CalendarNotFound,
    InvalidCalendar,
    InvalidSchedule,
    JobNotFound,
)
from scheduler.models import AdminActionLog, Calendar, JobDefinition
from scheduler.queries.calendars import calendar_view, calendars, cautions
from scheduler.queries.preview import preview, schedule_of, year_of
from tests.contract.store.world import World

DAILY = {"kind": "daily", "at": "09:00"}
OFF = CalendarDay(False, "年末休業")


def save(name: str = "report", **fields) -> JobDefinition:
    facts = {"command_name": "noop", "timezone": "Asia/Tokyo", "schedule": DAILY}
    return requests.save_definition(name, by="ann", **{**facts, **fields})


def actions() -> list[str]:
    return list(AdminActionLog.objects.order_by("id").values_list("action", flat=True))


def settled(definition: JobDefinition, **columns) -> JobDefinition:
    """As if the leader had planned it."""
    facts = {"edited_at": None, "next_fire_at": datetime(2100, 1, 1, tzinfo=UTC)}
    JobDefinition.objects.filter(pk=definition.pk).update(**{**facts, **columns})
    definition.refresh_from_db()
    return definition


class TestTheReadyMadeCalendar:
    def test_is_made_with_the_first_job_that_names_it(self, world: World):
        assert not Calendar.objects.exists()
        save(calendar="jp")
        save("other", calendar="jp")
        jp = Calendar.objects.get()
        assert (jp.name, jp.country, jp.weekly_days_off) == ("jp", "JP", ["sat", "sun"])
        assert jp.holidays["2026-09-22"] == "国民の休日"
        assert jp.holidays_source.startswith("holidays ")
        assert actions() == ["calendar_created", "job_created", "job_created"]

    def test_goes_with_a_job_that_is_refused(self, world: World):
        with pytest.raises(ValidationError):
            save(calendar="jp", schedule={"kind": "tea"})
        assert not Calendar.objects.exists()

    def test_can_be_looked_at_before(self, world: World):
        assert [(view.name, view.stored) for view in calendars()] == [("jp", False)]
        (first,) = preview(DAILY, "Asia/Tokyo", "jp", after=NEW_YEAR, count=1)
        assert (first.runs, first.note) == (False, "2027-01-01 is 元日 (calendar jp)")

    def test_takes_days_of_the_company_too(self, world: World):
        found = requests.set_days("jp", {date(2026, 12, 29): OFF}, by="ann")
        assert found.country == "JP"
        assert found.days == {"2026-12-29": {"open": False, "note": "年末休業"}}


NEW_YEAR = datetime(2026, 12, 31, 15, 0, tzinfo=UTC)


class TestSavingACalendar:
    def test_takes_the_holidays_of_its_country(self, world: World):
        found = requests.save_calendar("acme", by="ann", country="jp", description="本社")
        assert (found.country, found.holidays["2026-05-04"]) == ("JP", "みどりの日")
        assert (found.holidays_from, found.holidays_until) == (2020, 2099)

    def test_again_as_it_is_changes_nothing(self, world: World):
        first = requests.save_calendar("acme", by="ann", country="JP")
        second = requests.save_calendar("acme", by="ann", country="JP")
        assert second.revision == first.revision
        assert actions() == ["calendar_created"]

    def test_without_a_country_has_no_public_holidays(self, world: World):
        requests.save_calendar("acme", by="ann", country="JP")
        found = requests.save_calendar("acme", by="ann", country="")
        assert (found.holidays, found.holidays_from, found.revision) == ({}, None, 2)

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"weekly_days_off": ["sut"]}, "sut"),
            ({"days": {"x": {"open": True}}}, "a date such as"),
            ({"colour": "red"}, "no field 'colour'"),
        ],
    )
    def test_refuses_what_it_cannot_understand(self, world: World, fields, word: str):
        with pytest.raises(ValidationError) as caught:
            requests.save_calendar("acme", by="ann", **fields)
        assert word in str(caught.value)
        assert not Calendar.objects.exists()

    @pytest.mark.parametrize(("name", "fields"), [("a b", {}), ("acme", {"country": "XX"})])
    def test_refuses_names_that_nobody_knows(self, world: World, name: str, fields):
        with pytest.raises(InvalidCalendar):
            requests.save_calendar(name, by="ann", **fields)

    def test_that_was_named_before_it_was_there_plans_its_jobs(self, world: World):
        job = save()
        JobDefinition.objects.update(calendar="acme", edited_at=None, next_fire_at=None)
        requests.save_calendar("acme", by="ann")
        job.refresh_from_db()
        assert job.next_fire_at is not None


class TestAnEditOfACalendar:
    def test_plans_the_jobs_that_use_it_anew_and_no_others(self, world: World):
        job, other = settled(save(calendar="jp")), settled(save("other"))
        requests.set_days("jp", {date(2026, 12, 29): OFF}, by="ann")
        before = (job.revision, other.revision)
        job.refresh_from_db()
        other.refresh_from_db()
        assert (job.revision, other.revision) == (before[0] + 1, before[1])
        assert job.edited_at == job.next_fire_at == job.schedule_since
        assert other.edited_at is None

    def test_of_its_description_plans_nothing(self, world: World):
        job = settled(save(calendar="jp"))
        requests.save_calendar("jp", by="ann", description="Japan")
        assert JobDefinition.objects.get(pk=job.pk).edited_at is None

    def test_while_nobody_plans_keeps_the_days_as_they_were(self, world: World):
        job = settled(save(calendar="jp"))
        long_ago = world.now() - timedelta(days=20)
        settled(job, planned_until=long_ago, next_fire_at=long_ago)
        holiday = long_ago.date() + timedelta(days=10)
        while not Calendar.objects.get().business_calendar().is_business_day(holiday):
            holiday += timedelta(days=1)
        requests.set_days("jp", {holiday: OFF}, by="ann")
        job.refresh_from_db()
        (segment,) = job.superseded
        kept = read_segment(segment).schedule
        assert kept is not None and kept.use is not None
        assert kept.use.calendar.is_business_day(holiday)
        present = job.parsed_schedule()
        assert present is not None and present.use is not None
        assert not present.use.calendar.is_business_day(holiday)
        assert len(segment["calendar"]["holidays"]) < 15

    def test_day_by_day_adds_and_takes_away(self, world: World):
        requests.set_days("jp", {date(2026, 12, 29): OFF, date(2026, 12, 30): OFF}, by="ann")
        found = requests.set_days("jp", {date(2026, 12, 29): None}, by="ann")
        assert list(found.days) == ["2026-12-30"]

    def test_that_nobody_made_is_refused(self, world: World):
        with pytest.raises(CalendarNotFound) as caught:
            requests.set_days("nope", {date(2026, 12, 29): OFF}, by="ann")
        assert str(caught.value) == "There is no calendar 'nope'; there are: jp."


class TestARefresh:
    def test_takes_what_the_package_says_now_and_plans_anew(self, world: World):
        job = settled(save(calendar="jp"))
        jp = Calendar.objects.get()
        jp.holidays.pop("2026-05-04")
        jp.save()
        assert calendar_view("jp").outdated == ("2026-05-04: no holiday -> みどりの日",)
        requests.refresh_calendar("jp", by="ann")
        assert calendar_view("jp").outdated == ()
        assert JobDefinition.objects.get(pk=job.pk).edited_at is not None

    def test_with_nothing_new_changes_nothing(self, world: World):
        job = settled(save(calendar="jp"))
        requests.refresh_calendar("jp", by="ann")
        assert JobDefinition.objects.get(pk=job.pk).edited_at is None


class TestDeletingACalendar:
    def test_that_is_used_is_refused_with_the_names_of_the_jobs(self, world: World):
        save(calendar="jp")
        with pytest.raises(CalendarInUse) as caught:
            requests.delete_calendar("jp", by="ann")
        assert caught.value.jobs == ("report",)

    def test_is_possible_once_its_jobs_are_gone(self, world: World):
        save(calendar="jp")
        requests.delete_definition("report", by="ann")
        requests.delete_calendar("jp", by="ann")
        assert not Calendar.objects.exists()

    def test_that_is_not_there_is_refused(self, world: World):
        with pytest.raises(CalendarNotFound):
            requests.delete_calendar("jp", by="ann")


class TestAJob:
    def test_with_an_unknown_calendar_is_refused_with_those_there_are(self, world: World):
        requests.save_calendar("acme", by="ann")
        with pytest.raises(ValidationError) as caught:
            save(calendar="acne")
        (sentence,) = caught.value.message_dict["calendar"]
        assert sentence == "There is no calendar 'acne'; there are: acme, jp."

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"calendar": "jp", "calendar_rule": "sometimes"}, "calendar_rule"),
            (
                {
                    "calendar": "jp",
                    "calendar_rule": "next",
                    "schedule": {"kind": "every_minutes", "minutes": 5},
                },
                "calendar_rule",
            ),
            ({"schedule": {"kind": "business_day", "nth": 1, "at": "09:00"}}, "calendar"),
            (
                {"calendar": "jp", "schedule": {"kind": "business_day", "nth": 0, "at": "09:00"}},
                "schedule",
            ),
        ],
    )
    def test_whose_calendar_makes_no_sense_is_refused_by_field(self, world: World, fields, field):
        with pytest.raises(ValidationError) as caught:
            save(**fields)
        assert list(caught.value.message_dict) == [field]

    def test_with_another_rule_is_planned_anew(self, world: World):
        job = settled(save(calendar="jp"))
        changed = save(calendar_rule="next")
        assert changed.revision == job.revision + 1
        assert changed.edited_at is not None

    def test_that_names_a_calendar_which_is_gone_can_be_mended(self, world: World):
        job = save()
        long_ago = world.now() - timedelta(days=2)
        settled(job, calendar="gone", planned_until=long_ago, next_fire_at=long_ago)
        mended = save(calendar="jp")
        assert mended.calendar == "jp"
        with pytest.raises(InvalidSchedule):
            read_segment(mended.superseded[0])


class TestThePreview:
    def test_of_unsaved_fields_says_what_runs_what_does_not_and_why(self, world: World):
        found = preview(DAILY, "Asia/Tokyo", "jp", after=GOLDEN_WEEK, count=4)
        assert [(f"{each.local:%m-%d %H:%M}", each.runs) for each in found] == [
            ("05-01 09:00", True),
            ("05-02 09:00", False),
            ("05-03 09:00", False),
            ("05-04 09:00", False),
        ]
        assert found[3].note == "2026-05-04 is みどりの日 (calendar jp)"
        assert found[0].at == datetime(2026, 5, 1, 0, 0, tzinfo=UTC)

    def test_of_moved_slots_says_where_they_came_from(self, world: World):
        spec = {"kind": "monthly", "day": 5, "at": "09:00"}
        (found,) = preview(spec, "Asia/Tokyo", "jp", "next", after=GOLDEN_WEEK, count=1)
        assert (found.local.day, found.moved_from, found.runs) == (7, date(2026, 5, 5), True)
        assert "こどもの日" in found.note
        (found,) = preview(spec, "Asia/Tokyo", "jp", "next", after=GOLDEN_WEEK, count=1, lang="ja")
        assert found.note == "2026-05-05（こどもの日、カレンダー jp）から移動"

    def test_of_an_interval_counts_from_the_question(self, world: World):
        spec = {"kind": "interval", "seconds": 90}
        found = preview(spec, after=GOLDEN_WEEK, count=2)
        assert found[1].at - GOLDEN_WEEK == timedelta(seconds=180)

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"calendar": "nope"}, CalendarNotFound),
            ({"calendar": "jp", "rule": "x"}, InvalidSchedule),
            ({"count": 0}, InvalidSchedule),
            ({"count": 1001}, InvalidSchedule),
        ],
    )
    def test_of_nonsense_is_refused(self, world: World, arguments, error):
        with pytest.raises(error):
            preview(DAILY, after=GOLDEN_WEEK, **arguments)

    def test_of_a_job_that_is_not_there_or_runs_by_hand_is_refused(self, world: World):
        save("by-hand", schedule=None)
        with pytest.raises(JobNotFound):
            schedule_of("by-hands")
        with pytest.raises(InvalidSchedule) as caught:
            schedule_of("by-hand")
        assert "runs by hand only" in str(caught.value)

    def test_of_a_year_has_every_day_once(self, world: World):
        save(calendar="jp", calendar_rule="previous", schedule=MONTH_END)
        days = year_of(schedule_of("report"), 2027)
        assert len(days) == 365
        runs = [f"{each.day:%m-%d}" for each in days if each.runs]
        assert runs == [
            "01-29",
            "02-26",
            "03-31",
            "04-30",
            "05-31",
            "06-30",
            "07-30",
            "08-31",
            "09-30",
            "10-29",
            "11-30",
            "12-31",
        ]
        moved = {f"{e.day:%m-%d}": f"{e.moved_to:%m-%d}" for e in days if e.moved_to}
        assert moved == {"01-31": "01-29", "02-28": "02-26", "07-31": "07-30", "10-31": "10-29"}


GOLDEN_WEEK = datetime(2026, 4, 30, 15, 0, tzinfo=UTC)
MONTH_END = {"kind": "monthly", "day": "last", "at": "18:00"}


class TestWhatIsNotFixedYet:
    """Japan announces the equinoxes of a year on 1 February of the year before."""

    @pytest.mark.parametrize(
        ("today", "year", "said"),
        [
            (date(2026, 11, 25), 2027, False),
            (date(2026, 11, 25), 2028, True),
            (date(2027, 1, 31), 2028, True),
            (date(2027, 2, 1), 2028, False),
        ],
    )
    def test_is_said_of_the_year(self, world: World, today: date, year: int, said: bool):
        found = cautions("jp", year, today)
        assert bool(found) == said
        assert not said or f"fixes them on {year - 1}-02-01" in found[0]

    def test_is_said_of_years_that_nobody_knows(self, world: World):
        (sentence,) = cautions("jp", 2100, date(2026, 11, 25))
        assert "No public holidays are known for 2100" in sentence

    def test_is_nothing_without_public_holidays(self, world: World):
        requests.save_calendar("acme", by="ann")
        assert cautions("acme", 2200, date(2026, 11, 25)) == []
