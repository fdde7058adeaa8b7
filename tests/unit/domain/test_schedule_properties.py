"""What holds for every schedule, in every zone, at every instant."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.schedules import Window, parse_schedule

SECOND = timedelta(seconds=1)
ZONES = [
    "UTC",
    "Asia/Tokyo",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "Pacific/Apia",
    "Africa/Casablanca",
]
FIRST, LAST = datetime(2009, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)

times = st.times().map(lambda at: at.isoformat("seconds"))
days = st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
instants = st.datetimes(
    FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)
)
near_changes = st.builds(
    lambda change, offset: datetime.fromisoformat(change) + timedelta(seconds=offset),
    st.sampled_from(
        [
            "2026-03-08T07:00:00+00:00",
            "2026-11-01T06:00:00+00:00",
            "2026-04-04T15:00:00+00:00",
            "2026-10-03T15:30:00+00:00",
            "2026-03-28T22:00:00+00:00",
            "2011-12-30T10:00:00+00:00",
        ]
    ),
    st.integers(-8000, 8000),
)
anywhere = instants | near_changes
cron_texts = st.sampled_from(
    [
        "* * * * *",
        "45 * * * *",
        "*/7 1-3 * * *",
        "30 1,2 * * *",
        "0 0 29 2 *",
        "0 9 * * mon-fri",
        "0 0 L * 5L",
        "15 2 * * 0",
        "*/20 30 1 * * *",
        "0 */5 * * * *",
        "* * 2 * * *",
    ]
)
specs = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("every_minutes"), "minutes": st.sampled_from([1, 5, 20, 30, 60])}
    ),
    st.fixed_dictionaries({"kind": st.just("hourly"), "minute": st.integers(0, 59)}),
    st.fixed_dictionaries({"kind": st.just("daily"), "at": times}),
    st.fixed_dictionaries(
        {"kind": st.just("weekdays"), "at": times, "days": st.lists(days, min_size=1)}
    ),
    st.fixed_dictionaries({"kind": st.just("weekly"), "at": times, "day": days}),
    st.fixed_dictionaries(
        {
            "kind": st.just("monthly"),
            "at": times,
            "day": st.integers(1, 31),
            "missing": st.sampled_from(["skip", "last"]),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("monthly"), "at": times, "day": st.just("last")}),
    st.fixed_dictionaries({"kind": st.just("once"), "at": anywhere.map(datetime.isoformat)}),
    st.fixed_dictionaries(
        {
            "kind": st.just("interval"),
            "seconds": st.integers(1, 90_000),
            "anchor": anywhere.map(datetime.isoformat),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("cron"), "expression": cron_texts}),
)
windows = st.one_of(
    st.just(Window()),
    st.builds(lambda start: Window(not_before=start), anywhere),
    st.builds(
        lambda start, length: Window(start, start + length),
        anywhere,
        st.timedeltas(timedelta(0), timedelta(days=60)),
    ),
)
schedules = st.builds(parse_schedule, specs, st.sampled_from(ZONES), windows)


def repeated(schedule, start, count):
    found = []
    instant = schedule.next_after(start)
    while instant is not None and len(found) < count:
        found.append(instant)
        instant = schedule.next_after(instant)
    return found


@given(schedules, anywhere)
def test_the_next_slot_is_strictly_later_in_utc_and_on_a_whole_second(schedule, start):
    slot = schedule.next_after(start)
    if slot is not None:
        assert slot > start
        assert slot.tzinfo is UTC
        assert slot.microsecond == 0


@given(schedules, anywhere)
def test_between_is_the_next_slot_again_and_again(schedule, start):
    found = repeated(schedule, start, 12)
    assert schedule.between(start, datetime(2090, 1, 1, tzinfo=UTC), 12) == [
        slot for slot in found if slot.year < 2090
    ]


@given(schedules, anywhere, st.lists(st.integers(0, 20_000), max_size=8))
def test_no_slot_is_lost_or_doubled_wherever_the_time_is_cut(schedule, start, steps):
    end = start + timedelta(seconds=sum(steps))
    pieces, cursor = [], start
    for step in steps:
        reached = cursor + timedelta(seconds=step)
        pieces += schedule.between(cursor, reached, 99_999)
        cursor = reached
    assert pieces == schedule.between(start, end, 99_999)


@given(schedules, anywhere, st.integers(0, 7200))
def test_asking_earlier_never_finds_a_later_slot(schedule, start, seconds):
    later_question = schedule.next_after(start)
    earlier_question = schedule.next_after(start - timedelta(seconds=seconds))
    if later_question is not None:
        assert earlier_question is not None
        assert earlier_question <= later_question
        if earlier_question > start:
            assert earlier_question == later_question


@given(schedules, anywhere)
def test_every_slot_lies_within_the_window(schedule, start):
    for slot in repeated(schedule, start, 5):
        assert schedule.window.not_before is None or slot >= schedule.window.not_before
        assert schedule.window.not_after is None or slot <= schedule.window.not_after


@given(schedules, anywhere)
def test_a_schedule_survives_its_spec(schedule, start):
    again = parse_schedule(schedule.to_spec(), schedule.zone.key, schedule.window)
    assert again.next_after(start) == schedule.next_after(start)


@given(schedules)
def test_every_schedule_can_say_when_it_runs(schedule):
    assert schedule.zone.key in schedule.describe("en")
    assert schedule.zone.key in schedule.describe("ja")
