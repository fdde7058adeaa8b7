"""Shows the cluster how the plugins of this worker fare: what failed, and what hangs."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import structlog
from django.db import connection

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.plugin_api.failures import PluginFailure
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.limits import CallUnderWay
from scheduler.runtime.parts import Parts
from scheduler.store.plugin_states import HookState, forget_dead, write_states

log = structlog.get_logger(__name__)

TELL_SECONDS = 5.0
FORGET_SECONDS = 60.0
STUCK_AFTER = timedelta(seconds=10)
"""A call that takes so long is shown, whether or not anybody still waits for it."""


def states_of(
    failures: Iterable[PluginFailure], under_way: Iterable[CallUnderWay], now: datetime
) -> tuple[HookState, ...]:
    """One state for each hook that failed or hangs, in the order of their names."""
    failed = {(one.plugin, one.hook): one for one in failures}
    stuck = {
        (one.plugin, one.what): one.since for one in under_way if now - one.since >= STUCK_AFTER
    }
    return tuple(
        _state(key, failed.get(key), stuck.get(key)) for key in sorted(failed.keys() | stuck.keys())
    )


class PluginStates:
    """Writes them when they changed; the leader also forgets those of dead workers."""

    def __init__(self, host: PluginHost, parts: Parts) -> None:
        self._host, self._parts = host, parts
        self._written: tuple[str, tuple[HookState, ...]] | None = None
        self._forget_at = 0.0

    def tick(self, now: float) -> float:
        """Write what changed; returns when to look again (boottime)."""
        try:
            self._tell()
            if self._parts.leadership.term is not None and now >= self._forget_at:
                self._forget_at = now + FORGET_SECONDS
                forget_dead()
                connection.close()
        except DatabaseUnavailable as error:
            log.warning("plugin_states_not_written", reason=str(error))
        return now + TELL_SECONDS

    def withdraw(self) -> None:
        """The worker leaves: its rows go."""
        if self._written is None or not self._written[1]:
            return
        try:
            write_states(self._written[0], ())
            connection.close()
        except DatabaseUnavailable as error:
            log.warning("plugin_states_not_withdrawn", reason=str(error))

    def _tell(self) -> None:
        member = self._parts.member
        if not member.joined:
            return
        found = states_of(self._host.failures, self._host.under_way(), datetime.now(UTC))
        latest = (member.worker_id, found)
        known = self._written or (member.worker_id, ())
        if latest != known:
            write_states(*latest)
            # Seldom needed, and each worker would hold one.
            connection.close()
        self._written = latest


def _state(
    key: tuple[str, str], failure: PluginFailure | None, stuck_since: datetime | None
) -> HookState:
    plugin, hook = key
    if failure is None:
        return HookState(plugin, hook, 0, "", None, stuck_since)
    return HookState(plugin, hook, failure.count, failure.last_error, failure.last_at, stuck_since)
