"""Public holidays out of the package ``holidays``, as the days that a calendar keeps.

This is the only module that imports the package, and only when it is asked: the import takes longer
than that of the rest, and most processes never ask. A calendar keeps the days it was given, in its
row: so an upgrade of the package changes no plan by itself, and workers of two versions plan alike.
``scheduler_calendar refresh`` takes them anew, which is an edit like any other.
"""

from datetime import date
from functools import lru_cache
from importlib.metadata import version

from scheduler.domain.errors import InvalidCalendar

FIRST_YEAR = 2020
"""Nothing is planned in the past; previews may look back a little."""
SOURCE = f"holidays {version('holidays')}"


@lru_cache(maxsize=8)
def years_of(country: str) -> tuple[int, int]:
    """The first and last year for which the holidays of a country are known.

    Raises InvalidCalendar for a country that the package does not know."""
    from holidays import country_holidays

    try:
        made = country_holidays(country)
    except NotImplementedError:
        allowed = "a country code of ISO 3166 such as JP, or empty for no public holidays"
        raise InvalidCalendar("country", country, allowed) from None
    return max(FIRST_YEAR, made.start_year), made.end_year


@lru_cache(maxsize=8)
def holidays_of(country: str) -> dict[date, str]:
    """Each public holiday of a country (ISO 3166, two letters) with its name in the country's own
    language, substitute holidays included, over all years of ``years_of``."""
    from holidays import country_holidays

    first, last = years_of(country)
    found = country_holidays(country, years=range(first, last + 1))
    # A substitute for the last days of a year may fall into the next: kept within what is known.
    return {day: name for day, name in sorted(found.items()) if first <= day.year <= last}


def certainty(country: str, year: int, today: date) -> str:
    """One sentence where the holidays of ``year`` are not fixed yet on ``today``; else empty."""
    if country == "JP" and year > _gazetted_until(today):
        return (
            f"The equinox holidays of {year} (春分の日, 秋分の日) are calculated: the state "
            f"fixes them on {year - 1}-02-01; a change of the holiday law may add or move days."
        )
    if country not in ("", "JP") and year > today.year + 1:
        return f"The public holidays of {year} are calculated: laws may still change them."
    return ""


def differences(country: str, kept: dict[date, str]) -> list[str]:
    """What the installed package says otherwise than the days that are kept, a line each."""
    fresh = holidays_of(country) if country else {}
    return [
        f"{day}: {kept.get(day, 'no holiday')} -> {fresh.get(day, 'no holiday')}"
        for day in sorted(kept.keys() | fresh.keys())
        if kept.get(day) != fresh.get(day)
    ]


def _gazetted_until(today: date) -> int:
    """Japan's equinoxes of a year are announced in the official gazette (暦要項) on 1 February of
    the year before."""
    return today.year + 1 if today >= date(today.year, 2, 1) else today.year
