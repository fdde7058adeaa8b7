"""Rows in pages: a page begins where the last one ended, by the index, however many rows there are.

A filter that few rows satisfy must not turn one page into a walk through the whole table: a page
of those looks at no more than ``SCAN`` rows. It may so be short, or empty, and still have a next
one; only a page without ``next`` is the last.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from scheduler.queries.runs import id_at

SCAN = 20_000
APART = timedelta(days=1)
"""More than clocks differ, and more than runs are planned ahead."""


def made_between[M: Model](
    rows: QuerySet[M], since: datetime | None, until: datetime | None
) -> QuerySet[M]:
    """``rows`` whose ids (UUIDv7: when the row was made) are of that time, give or take APART."""
    if since is not None:
        rows = rows.filter(pk__gte=id_at(since - APART))
    if until is not None:
        rows = rows.filter(pk__lt=id_at(until + APART))
    return rows


def below[M: Model](rows: QuerySet[M], before: UUID | None) -> QuerySet[M]:
    """``rows`` of lower ids than ``before``; None: all."""
    return rows if before is None else rows.filter(pk__lt=before)


def scanned[M: Model](
    rows: QuerySet[M], conditions: Mapping[str, Any], scan: int
) -> tuple[QuerySet[M], UUID | None]:
    """Those of the newest ``scan`` rows that satisfy the conditions, newest first; and the id of
    the last row looked at, None where there are no further rows, or no conditions."""
    end = None
    if conditions:
        end = rows.order_by("-pk").values_list("pk", flat=True)[scan - 1 : scan].first()
    if end is not None:
        rows = rows.filter(pk__gte=end)
    return rows.filter(**conditions).order_by("-pk"), end


def cut[R, K](
    found: Sequence[R], limit: int, key: Callable[[R], K], end: K | None = None
) -> tuple[tuple[R, ...], K | None]:
    """A page's rows and what leads to the next, out of up to ``limit + 1`` rows; ``end`` is where
    the look for them ended, if it was before the last row."""
    if len(found) > limit:
        return tuple(found[:limit]), key(found[limit - 1])
    return tuple(found), end


def given(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions that are asked for: None stands for any."""
    return {key: value for key, value in conditions.items() if value is not None}
