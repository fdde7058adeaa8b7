"""From messages that wait to notices: groups, and what a limit holds back. Pure.

A group's notice is formed when its oldest message has waited for ``group_seconds``. When a limit
is reached the messages that are ready are *held*; as soon as the limit lets a notice through, one
summary takes all that is held, and all that is ready by then. So no message is left out, and none
is in two notices.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from scheduler_notify.messages import Form
from scheduler_notify.routes import Limit


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message on its way to a channel: since when, and whether a limit has held it back."""

    delivery_id: int
    group_key: str
    since: datetime
    held: bool = False


@dataclass(frozen=True, slots=True)
class PlannedNotice:
    """A notice to form of these deliveries, in order."""

    members: tuple[int, ...]
    form: Form


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now; ``next_look`` is when there is more to do, None: not before more comes."""

    notices: tuple[PlannedNotice, ...] = ()
    hold: tuple[int, ...] = ()
    next_look: datetime | None = None


def plan_notices(
    waiting: Sequence[Waiting],
    formed: Sequence[datetime],
    group_seconds: float,
    limit: Limit,
    now: datetime,
) -> Plan:
    """What to do with all that waits for one channel by one route.

    ``formed`` are the instants at which the route's last notices for the channel were formed, at
    least those within the limit's time."""
    groups = _groups(one for one in waiting if not one.held)
    due = [group[0].since + timedelta(seconds=group_seconds) for group in groups]
    ready = [group for group, at in zip(groups, due, strict=True) if at <= now]
    held = [one for one in waiting if one.held]
    recent = [at for at in formed if at + timedelta(seconds=limit.seconds) > now]
    notices, hold = _shared_out(ready, held, max(0, limit.notices - len(recent)))
    looks = [at for at in due if at > now]
    if hold or (held and not notices):
        looks.append(_freed_at([*recent, *(now for _ in notices)], limit))
    kept_back = tuple(one.delivery_id for one in chain.from_iterable(hold))
    return Plan(tuple(notices), kept_back, min(looks, default=None))


def _shared_out(
    ready: list[list[Waiting]], held: list[Waiting], allowance: int
) -> tuple[list[PlannedNotice], list[list[Waiting]]]:
    """The notices that may be formed, and the groups that are to be held."""
    if held and allowance:
        return [_summary([*held, *chain.from_iterable(ready)])], []
    if held:
        return [], ready
    return [_notice(group) for group in ready[:allowance]], ready[allowance:]


def _freed_at(formed: list[datetime], limit: Limit) -> datetime:
    """When the next notice is allowed, after at least ``limit.notices`` of them."""
    return sorted(formed)[-limit.notices] + timedelta(seconds=limit.seconds)


def _groups(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
    """By group key, each oldest first; the group with the oldest message first."""
    found: dict[str, list[Waiting]] = {}
    for one in sorted(waiting, key=lambda one: (one.since, one.delivery_id)):
        found.setdefault(one.group_key, []).append(one)
    return list(found.values())


def _notice(group: Sequence[Waiting]) -> PlannedNotice:
    form = Form.SINGLE if len(group) == 1 else Form.GROUP
    return PlannedNotice(tuple(one.delivery_id for one in group), form)


def _summary(waiting: Sequence[Waiting]) -> PlannedNotice:
    ordered = sorted(one.delivery_id for one in waiting)
    return PlannedNotice(tuple(ordered), Form.SUMMARY)
