"""The leader's service that decides: who hears of each message, and when notices are formed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from scheduler.queries.clock import cluster_now
from scheduler.queries.run_facts import run_facts
from scheduler_notify import store
from scheduler_notify.calendars import OpeningHours
from scheduler_notify.database import with_fresh_connection
from scheduler_notify.endings import heard_beginning
from scheduler_notify.figures import Figures
from scheduler_notify.grouping import plan_notices
from scheduler_notify.intake import with_facts
from scheduler_notify.messages import OF_RUNS, Channel, Message
from scheduler_notify.routes import DEFAULT_ROUTES, Route
from scheduler_notify.routing import destinations, owed
from scheduler_notify.settings import NotifySettings

POLL_SECONDS = 1.0
MESSAGES_AT_ONCE = 200
PURGE_EVERY = timedelta(hours=1)
COUNT_EVERY = timedelta(seconds=10)


@dataclass(slots=True)
class Router:
    """Routes messages and forms notices. One thread; a second leader's router does no harm."""

    settings: Callable[[], NotifySettings]
    figures: Figures
    clock: Callable[[], datetime] = cluster_now
    _purged_at: datetime | None = field(default=None, init=False)
    _counted_at: datetime | None = field(default=None, init=False)

    @with_fresh_connection
    def tick(self) -> float:
        """One round; the seconds until the next."""
        settings, now = self.settings(), self.clock()
        hours = OpeningHours(now)
        routed = route_messages(settings, hours, now)
        again_at = form_notices(settings, hours, now)
        self._purge(settings, now)
        self._count(now)
        if routed == MESSAGES_AT_ONCE or (again_at is not None and again_at <= now):
            return 0.0
        wait = (again_at - now).total_seconds() if again_at else POLL_SECONDS
        return min(POLL_SECONDS, wait)

    def _count(self, now: datetime) -> None:
        if self._counted_at is None or now - self._counted_at >= COUNT_EVERY:
            self.figures.seen(store.unsettled_counts())
            self._counted_at = now

    def _purge(self, settings: NotifySettings, now: datetime) -> None:
        is_due = self._purged_at is None or now - self._purged_at >= PURGE_EVERY
        # Not done until nothing is left: a round purges only so many.
        if is_due and not store.purge(now - timedelta(days=settings.notify_keep_days)):
            self._purged_at = now


def route_messages(settings: NotifySettings, hours: OpeningHours, now: datetime) -> int:
    """Decide who hears of the messages that came; how many."""
    if not store.anything_unrouted():
        return 0
    with transaction.atomic():
        found = store.lock_unrouted(MESSAGES_AT_ONCE)
        known = run_facts(
            [m.run_id for m in found.values() if m.kind in OF_RUNS and m.run_id is not None]
        )
        for message_id, message in found.items():
            told = with_facts(message, known.get(message.run_id) if message.run_id else None)
            where = who_hears(told, heard_beginning(told), settings, hours)
            store.routed(message_id, told, where, now)
    return len(found)


def who_hears(
    message: Message,
    heard: Mapping[str, str] | None,
    settings: NotifySettings,
    hours: OpeningHours,
) -> dict[Channel, Route]:
    """The channels that hear of a message now, each by its route. ``heard``: of an end, who heard
    of the beginning; None: the routes decide."""
    if heard is not None:
        return owed(heard, settings.routes, settings.configured)
    return destinations(message, settings.routes, settings.configured, hours.applies)


def form_notices(settings: NotifySettings, hours: OpeningHours, now: datetime) -> datetime | None:
    """Form what is due; when there is more to form of what waits now, None: no time is known."""
    looks = [_form(settings, hours, channel, name, now) for channel, name in store.waiting_places()]
    return min((at for at in looks if at is not None), default=None)


def _form(
    settings: NotifySettings, hours: OpeningHours, channel: str, name: str, now: datetime
) -> datetime | None:
    route = _route(settings, name)
    opens_at = hours.opens_at(route)
    if opens_at is None or opens_at > now:
        return opens_at
    formed = store.formed_since(channel, name, now - timedelta(seconds=route.limit.seconds))
    waiting = store.waiting(channel, name)
    plan = plan_notices(waiting, formed, route.group_seconds, route.limit, now)
    for planned in plan.notices:
        store.form(channel, name, planned, now)
    store.hold(plan.hold, now)
    return plan.next_look


def _route(settings: NotifySettings, name: str) -> Route:
    """The route of this name; where it was taken out of the settings, the default."""
    return next((one for one in settings.routes if one.name == name), DEFAULT_ROUTES[0])
