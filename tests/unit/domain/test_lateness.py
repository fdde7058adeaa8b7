"""Which waits are a lack and which were asked for: each of them is one or the other."""

from scheduler.domain.lateness import HELD_ON_PURPOSE, LACKING
from scheduler.domain.values import Reason


def test_each_reason_to_wait_is_a_lack_or_was_asked_for():
    waits = {reason for reason in Reason if reason.startswith("WAIT_")}
    assert waits == HELD_ON_PURPOSE | LACKING
    assert not HELD_ON_PURPOSE & LACKING
