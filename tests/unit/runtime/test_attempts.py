"""Duties side by side: each has its turn, and the first failure is told at the end."""

import pytest

from scheduler.domain.errors import DatabaseUnavailable, StaleEpoch
from scheduler.runtime.attempts import Attempts


def failing(error):
    def duty():
        raise error

    return duty


def test_a_failure_keeps_no_other_duty_from_its_turn_and_is_told_at_the_end():
    attempts = Attempts()
    assert attempts.make(failing(KeyError("first")), 7) == 7
    assert attempts.make(failing(ValueError("second")), 8) == 8
    assert attempts.make(lambda: 9, 0) == 9
    with pytest.raises(KeyError, match="first"):
        attempts.settle()


def test_where_all_went_well_nothing_is_told():
    attempts = Attempts()
    attempts.make(lambda: None, None)
    attempts.settle()


@pytest.mark.parametrize(
    "error", [StaleEpoch(1, 2, "w-2"), DatabaseUnavailable("here", "away")], ids=type
)
def test_the_end_of_the_term_or_of_the_rdb_ends_the_round(error):
    with pytest.raises(type(error)):
        Attempts().make(failing(error), None)
