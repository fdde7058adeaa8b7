"""Groups and limits: nothing is lost, nothing is told twice, nothing is sent too often."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler_notify.grouping import Plan, Waiting, plan_notices
from scheduler_notify.messages import Form
from scheduler_notify.routes import Limit
from tests.plugins.notify.builders import NOON

LIMIT = Limit(notices=2, seconds=600)
GROUP_SECONDS = 10.0


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def waiting(number: int, key: str = "a", seconds: float = 0, held: bool = False) -> Waiting:
    return Waiting(number, key, at(seconds), held)


def plan(waits, seconds, formed=(), limit=LIMIT) -> Plan:
    return plan_notices(waits, [at(one) for one in formed], GROUP_SECONDS, limit, at(seconds))


def test_nothing_is_formed_before_the_group_has_waited():
    found = plan([waiting(1)], 9.9)
    assert (found.notices, found.hold, found.next_look) == ((), (), at(10))


def test_what_came_in_the_meantime_goes_with_its_group():
    found = plan([waiting(1), waiting(2, seconds=9), waiting(3, "b", seconds=9)], 10)
    assert [(one.members, one.form) for one in found.notices] == [((1, 2), Form.GROUP)]
    assert found.next_look == at(19)


def test_one_alone_is_told_as_itself():
    (one,) = plan([waiting(1)], 10).notices
    assert one.form is Form.SINGLE


def test_beyond_the_limit_groups_are_held_oldest_last():
    waits = [waiting(3, "c", 2), waiting(1, "a", 0), waiting(2, "b", 1)]
    found = plan(waits, 20)
    assert [one.members for one in found.notices] == [(1,), (2,)]
    assert found.hold == (3,)
    assert found.next_look == at(620)


def test_while_the_limit_is_reached_all_is_held():
    found = plan([waiting(3, held=True), waiting(4, "b", 5)], 20, formed=[0, 1])
    assert (found.notices, found.hold, found.next_look) == ((), (4,), at(600))


def test_as_soon_as_it_may_one_summary_takes_all_that_was_held_and_is_ready():
    waits = [waiting(3, held=True), waiting(4, "b", 5, held=True), waiting(5, "c", 580)]
    (one,) = plan(waits, 600, formed=[0, 1]).notices
    assert (one.members, one.form) == ((3, 4, 5), Form.SUMMARY)


def test_a_lowered_limit_waits_for_as_many_as_are_too_many():
    found = plan([waiting(9, held=True)], 20, formed=[0, 5, 10], limit=LIMIT)
    assert found.next_look == at(605)


arrivals = st.lists(
    st.tuples(st.floats(0, 5000), st.sampled_from("abcdefg")), min_size=1, max_size=80
)


@given(
    arrivals=arrivals,
    notices=st.integers(1, 4),
    seconds=st.integers(1, 900),
    group_seconds=st.floats(0, 120),
)
def test_each_message_is_in_exactly_one_notice_and_the_limit_holds(
    arrivals, notices, seconds, group_seconds
):
    limit = Limit(notices=notices, seconds=seconds)
    to_come = sorted((at(second), number, key) for number, (second, key) in enumerate(arrivals))
    present: dict[int, Waiting] = {}
    formed: list[datetime] = []
    told: list[tuple[int, ...]] = []
    now = to_come[0][0]
    for _ in range(2000):
        while to_come and to_come[0][0] <= now:
            since, number, key = to_come.pop(0)
            present[number] = Waiting(number, key, since)
        found = plan_notices(list(present.values()), formed, group_seconds, limit, now)
        for one in found.notices:
            told.append(one.members)
            formed.append(now)
            assert len({present.pop(member).group_key for member in one.members}) == 1 or (
                one.form is Form.SUMMARY
            )
        for number in found.hold:
            present[number] = Waiting(number, present[number].group_key, now, held=True)
        looks = [look for look in (found.next_look, to_come[0][0] if to_come else None) if look]
        if not looks:
            break
        assert min(looks) > now, "a plan must move on"
        now = min(looks)
    assert present == {}
    assert sorted(member for members in told for member in members) == list(range(len(arrivals)))
    for first, later in zip(formed, formed[limit.notices :], strict=False):
        assert later - first >= timedelta(seconds=limit.seconds)
