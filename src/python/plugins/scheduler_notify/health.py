"""Are notices delivered? Asked in any process, so by the tables alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from scheduler.plugin_api.values import HealthReport, HealthStatus
from scheduler.queries.clock import cluster_now
from scheduler_notify.models import NotifyMessage, NotifyNotice

FAILS_FROM = 3
BACKLOG_AFTER = timedelta(minutes=2)
RECENTLY = timedelta(days=1)
State = NotifyNotice.State


@dataclass(frozen=True, slots=True)
class Trouble:
    """Notices of one route and channel that fail again and again, or were given up lately."""

    channel: str
    route: str
    failing: int
    dead: int
    since: datetime


def delivery_health() -> HealthReport:
    """FAILING with notices given up within a day or failing again and again; else OK."""
    troubles = delivery_troubles(cluster_now())
    if not troubles:
        return HealthReport(HealthStatus.OK, "Notices are delivered.")
    told = ", ".join(
        f"{one.channel} by {one.route} ({one.failing} failing, {one.dead} given up)"
        for one in troubles
    )
    since = min(one.since for one in troubles)
    return HealthReport(
        HealthStatus.FAILING,
        f"Notices are not delivered: {told}, since {since:%Y-%m-%d %H:%M} UTC;"
        " manage.py scheduler_notify shows why.",
    )


def delivery_troubles(now: datetime) -> list[Trouble]:
    """By channel and route."""
    failing = Q(state=State.OPEN, attempts__gte=FAILS_FROM)
    dead = Q(state=State.DEAD, settled_at__gte=now - RECENTLY)
    rows = NotifyNotice.objects.filter(failing | dead).order_by("channel", "route")
    found = rows.values_list("channel", "route").annotate(
        failing=Count("pk", filter=failing), dead=Count("pk", filter=dead), since=Min("formed_at")
    )
    return [Trouble(*row) for row in found]


def backlog_health() -> HealthReport:
    """WARNING when the oldest message has waited for more than BACKLOG_AFTER to be routed: nobody
    leads, or the leader does not have the plugin."""
    rows = NotifyMessage.objects.filter(routed_at=None)
    found = rows.aggregate(oldest=Min("created_at"), count=Count("pk"))
    if not found["count"]:
        return HealthReport(HealthStatus.OK, "No message waits to be routed.")
    waited = cluster_now() - found["oldest"]
    seconds = int(waited.total_seconds())
    summary = f"{found['count']} messages wait to be routed, the oldest for {seconds} s."
    late = waited > BACKLOG_AFTER
    return HealthReport(HealthStatus.WARNING if late else HealthStatus.OK, summary)
