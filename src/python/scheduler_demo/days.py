"""Which days are worked, read off the calendar's row in the dullest way.

The audit's own arithmetic: nothing here is shared with ``scheduler.domain``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a calendar's row, and the job's rule: only, next or previous."""

    weekly_days_off: Sequence[str]
    holidays: Mapping[str, str]
    named: Mapping[str, Mapping[str, Any]]
    rule: str = "only"

    def worked(self, day: date) -> bool:
        """Whether the day is a business day."""
        text = day.isoformat()
        if text in self.named:
            return bool(self.named[text]["open"])
        return text not in self.holidays and _NAMES[day.weekday()] not in self.weekly_days_off

    def named_for(self, day: date) -> Iterator[date]:
        """The days whose slots happen on ``day`` under the rule next or previous: none on a day
        off, else itself and the days off right before (or after) it."""
        if not self.worked(day):
            return
        yield day
        step = -_DAY if self.rule == "next" else _DAY
        other = day + step
        while not self.worked(other):
            yield other
            other += step

    def is_nth(self, day: date, nth: int) -> bool:
        """Whether ``day`` is the nth worked day of its month, or the nth last for a negative n."""
        month = [day.replace(day=1) + _DAY * number for number in range(31)]
        worked = [each for each in month if each.month == day.month and self.worked(each)]
        place = nth - 1 if nth > 0 else len(worked) + nth
        return 0 <= place < len(worked) and worked[place] == day
