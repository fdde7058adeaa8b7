"""The business calendars that a leader plans by, read once for each of their revisions."""

from scheduler.domain.calendars import PLAIN, BusinessCalendar, CalendarRule, parse_calendar
from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.schedules import CalendarUse
from scheduler.ports import DefinitionRow, LeaderStore


class EditedMeanwhile(Exception):
    """The calendar is no longer the one that the definition was read with."""


class Calendars:
    """Calendars by name, as the rows of definitions name them."""

    def __init__(self, store: LeaderStore) -> None:
        self._store = store
        self._known: dict[str, tuple[tuple[int, int], BusinessCalendar]] = {}

    def establish(self) -> None:
        self._known.clear()

    def use_of(self, row: DefinitionRow) -> CalendarUse | None:
        """The calendar of a definition with its rule; None without one.

        Raises EditedMeanwhile: an edit of a calendar edits its jobs in the same transaction, so
        the definition is to be read again. Raises InvalidCalendar, InvalidSchedule for what cannot
        be used, and what the store raises.
        """
        if not row.calendar:
            return None
        if row.calendar_revision is None and not row.enabled:
            # It has no slots, and what its earlier schedules owe has days of its own.
            return CalendarUse(PLAIN)
        if row.calendar_rule not in CalendarRule:
            raise InvalidSchedule("calendar_rule", row.calendar_rule, ", ".join(CalendarRule))
        return CalendarUse(self._calendar(row), CalendarRule(row.calendar_rule))

    def _calendar(self, row: DefinitionRow) -> BusinessCalendar:
        if row.calendar_revision is None:
            raise InvalidSchedule("calendar", row.calendar, "the name of a calendar that exists")
        # The id too: one that was deleted and made again counts its revisions anew.
        wanted = (row.calendar_id, row.calendar_revision)
        known, calendar = self._known.get(row.calendar, (None, PLAIN))
        if known != wanted:
            found = self._store.calendar(row.calendar)
            if found is None or (found.calendar_id, found.revision) != wanted:
                raise EditedMeanwhile(row.calendar)
            calendar = parse_calendar(**found.parts)
            self._known[row.calendar] = (wanted, calendar)
        return calendar
