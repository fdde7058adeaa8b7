"""A worker's heartbeat in Redis: news for operators and a hint for the curious, never a lease."""

from collections.abc import Callable

import structlog

from scheduler.domain.errors import RedisUnavailable
from scheduler.ports import Heartbeat, Presence
from scheduler.runtime.agent import Agent
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Member

log = structlog.get_logger(__name__)

BEATS_TO_LIVE = 5
"""A heartbeat is forgotten after this many were missed."""


class PresenceKeeper:
    """Beats once per ``heartbeat_seconds`` while this worker is a member."""

    def __init__(
        self,
        member: Member,
        agent: Agent,
        presence: Presence,
        config: Callable[[], RuntimeConfig],
    ) -> None:
        self._member, self._agent = member, agent
        self._presence, self._config = presence, config
        self._away = False

    def tick(self, now: float) -> float:
        period = self._config().heartbeat_seconds
        if self._member.joined:
            try:
                self._presence.beat(self._heartbeat(), period * BEATS_TO_LIVE)
                self._away = False
            except RedisUnavailable as error:
                if not self._away:
                    log.warning("presence_unavailable", reason=str(error))
                self._away = True
        return now + period

    def leave(self) -> None:
        """Take the heartbeat away at a clean stop."""
        try:
            self._presence.gone(self._member.worker_id)
        except RedisUnavailable as error:
            log.info("presence_not_removed", reason=str(error))

    def _heartbeat(self) -> Heartbeat:
        facts, open_runs = self._member.facts, self._agent.open_runs()
        return Heartbeat(
            worker_id=facts.worker_id,
            node_id=facts.node_id,
            grpc_address=facts.grpc_address,
            role=str(self._member.role),
            epoch=self._member.newest_epoch,
            open_runs=open_runs,
            capacity=facts.capacity,
            load=open_runs / facts.capacity if facts.capacity else 1.0,
        )
