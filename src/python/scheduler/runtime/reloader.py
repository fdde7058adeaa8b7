"""Applies new settings in this worker and tells the cluster which revision is in force."""

from collections.abc import Callable
from threading import Lock

import structlog

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.ports import LeaseStore
from scheduler.runtime.member import Member

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0


class Reloader:
    """``reload()`` reads the settings again (it may raise DatabaseUnavailable). The newest
    revision arrives by the leader's command and by the lease's answers; either will do."""

    def __init__(self, member: Member, leases: LeaseStore, reload: Callable[[], None]) -> None:
        self._member, self._leases, self._reload = member, leases, reload
        self._lock = Lock()

    def tick(self, now: float) -> float:
        if self._member.joined:
            self.to(self._member.wanted_revision)
        return now + LOOK_SECONDS

    def to(self, revision: int) -> int:
        """Have at least ``revision`` in force; returns the one that is."""
        with self._lock:
            if revision > self._member.config_revision:
                try:
                    self._reload()
                    self._leases.acknowledge_config(self._member.worker_id, revision)
                    self._member.config_revision = revision
                    log.info("settings_reloaded", revision=revision)
                except DatabaseUnavailable as error:
                    log.warning("settings_reload_failed", reason=str(error))
            return self._member.config_revision
