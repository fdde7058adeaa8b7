"""Which route takes a message to which channel. Pure: who is open now is an argument."""

from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from scheduler_notify.messages import Channel, Message
from scheduler_notify.routes import DEFAULT_ROUTES, Route


def destinations(
    message: Message,
    routes: Iterable[Route],
    configured: Collection[Channel],
    applies_now: Callable[[Route], bool],
) -> dict[Channel, Route]:
    """The channels that hear of the message, each by the first route that leads there.

    ``configured`` are the channels that can be sent to; ``applies_now`` is False for a route that
    is outside its hours and then lets others go first (``outside: drop``)."""
    found: dict[Channel, Route] = {}
    for route in routes:
        if takes(route, message) and applies_now(route):
            wanted = route.channels or configured
            found = {c: route for c in wanted if c in configured} | found
    return found


def owed(
    heard: Mapping[str, str], routes: Collection[Route], configured: Collection[Channel]
) -> dict[Channel, Route]:
    """The channels that hear of an end: those that ``heard`` of the beginning, by the routes that
    told them, unless these tell no recoveries. One that was taken out of the settings tells."""
    by_name = {route.name: route for route in routes}
    found = {c: by_name.get(heard[c], DEFAULT_ROUTES[0]) for c in configured if c in heard}
    return {channel: route for channel, route in found.items() if route.recoveries}


def takes(route: Route, message: Message) -> bool:
    """Whether the message is one of the route's, whatever the hour."""
    if message.resolved and not route.recoveries:
        return False
    if message.severity not in route.severities:
        return False
    return any(glob == "*" or fnmatchcase(message.job, glob) for glob in route.jobs)


def group_key(route: Route, message: Message) -> str:
    """What messages have in common that go as one notice."""
    values: Mapping[str, str] = {
        "job": message.subject,
        "kind": message.kind.value + (".resolved" if message.resolved else ""),
        "severity": message.severity.value,
    }
    return "|".join(f"{field}={values[field]}" for field in route.group_by)
