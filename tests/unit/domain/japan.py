"""The public holidays of Japan as the calendar on the wall has them, written out by hand."""

from scheduler.domain.calendars import BusinessCalendar, CalendarRule, parse_calendar
from scheduler.domain.schedules import CalendarUse

HOLIDAYS = {
    "2026-01-01": "元日",
    "2026-01-12": "成人の日",
    "2026-02-11": "建国記念の日",
    "2026-02-23": "天皇誕生日",
    "2026-03-20": "春分の日",
    "2026-04-29": "昭和の日",
    "2026-05-03": "憲法記念日",
    "2026-05-04": "みどりの日",
    "2026-05-05": "こどもの日",
    "2026-05-06": "振替休日",
    "2026-07-20": "海の日",
    "2026-08-11": "山の日",
    "2026-09-21": "敬老の日",
    "2026-09-22": "国民の休日",
    "2026-09-23": "秋分の日",
    "2026-10-12": "スポーツの日",
    "2026-11-03": "文化の日",
    "2026-11-23": "勤労感謝の日",
    "2027-01-01": "元日",
    "2027-01-11": "成人の日",
    "2027-02-11": "建国記念の日",
    "2027-02-23": "天皇誕生日",
    "2027-03-21": "春分の日",
    "2027-03-22": "振替休日",
    "2027-04-29": "昭和の日",
    "2027-05-03": "憲法記念日",
    "2027-05-04": "みどりの日",
    "2027-05-05": "こどもの日",
    "2027-07-19": "海の日",
    "2027-08-11": "山の日",
    "2027-09-20": "敬老の日",
    "2027-09-23": "秋分の日",
    "2027-10-11": "スポーツの日",
    "2027-11-03": "文化の日",
    "2027-11-23": "勤労感謝の日",
}
YEAR_END = {
    "2026-12-29": "年末休業",
    "2026-12-30": "年末休業",
    "2026-12-31": "大晦日",
    "2027-01-02": "三が日",
    "2027-01-03": "三が日",
}
MADE_UP_SATURDAY = "2026-12-26"


def japan() -> BusinessCalendar:
    """The days that the state gives."""
    return parse_calendar("jp", holidays=HOLIDAYS, holidays_from=2026, holidays_until=2027)


def company() -> BusinessCalendar:
    """A company that closes from 29 December to 3 January and makes up for one of these days."""
    days = {day: {"open": False, "note": note} for day, note in YEAR_END.items()}
    days[MADE_UP_SATURDAY] = {"open": True, "note": "振替出勤"}
    return parse_calendar("acme", holidays=HOLIDAYS, days=days)


def on(calendar: BusinessCalendar, rule: str = "only") -> CalendarUse:
    return CalendarUse(calendar, CalendarRule(rule))
