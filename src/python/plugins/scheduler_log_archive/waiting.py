"""The logs that are not archived yet, as one process knows them. No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from heapq import nsmallest
from uuid import UUID

from scheduler.plugin_api.services import LocalLog
from scheduler.queries.run_logs import RunLogState
from scheduler_log_archive.backoff import Backoff

_ASK_AGAIN_SECONDS = 60.0


def _own_backoff() -> Backoff:
    return Backoff(first_seconds=5.0, longest_seconds=900.0)


@dataclass(slots=True)
class WaitingLog:
    """``ended_at`` is Unix time, None while the run is open, as far as we know; ``sent`` bytes
    went up as chunks; the database is asked again from ``ask_at`` on (steady seconds, as those of
    ``backoff``)."""

    log: LocalLog
    ended_at: float | None = None
    ask_at: float = 0.0
    sent: int = 0
    backoff: Backoff = field(default_factory=_own_backoff)


class WaitingLogs:
    """Which logs wait, and for what. ``now`` is of a clock that only grows. One thread."""

    def __init__(self) -> None:
        self._waiting: dict[str, WaitingLog] = {}
        self._known: set[str] = set()

    @property
    def known(self) -> Set[str]:
        """The runs, as text, whose logs wait or are archived and still on the disk."""
        return self._known

    def add(self, logs: Iterable[LocalLog]) -> None:
        """Take up those that are not known."""
        for log in logs:
            if str(log.run_id) not in self._known:
                self._known.add(str(log.run_id))
                self._waiting[str(log.run_id)] = WaitingLog(log)

    def set_done(self, run_ids: Iterable[str]) -> None:
        """These, and no others, are archived and still on the disk."""
        self._known = set(run_ids)
        for run_id in self._known & self._waiting.keys():
            del self._waiting[run_id]
        self._known |= self._waiting.keys()

    def forget_sent(self) -> None:
        """What went up as chunks is not there any more."""
        for one in self._waiting.values():
            one.sent = 0

    def finish(self, run_id: UUID, *, archived: bool) -> None:
        """The log is archived, or there is none any more."""
        self._waiting.pop(str(run_id), None)
        if not archived:
            self._known.discard(str(run_id))

    def running(self, run_ids: Iterable[UUID]) -> list[WaitingLog]:
        """Of these runs, those with a log."""
        found = (self._waiting.get(str(run_id)) for run_id in run_ids)
        return [one for one in found if one is not None]

    def to_ask(self, running: frozenset[UUID], now: float) -> list[UUID]:
        """The runs of which we do not know yet that they have ended."""
        return [
            one.log.run_id
            for one in self._waiting.values()
            if one.ended_at is None and one.ask_at <= now and one.log.run_id not in running
        ]

    def learn(
        self, asked: Iterable[UUID], states: Mapping[UUID, RunLogState], now: float
    ) -> list[WaitingLog]:
        """Note what the database says; returns those of which it knows nothing."""
        strangers = []
        for run_id in asked:
            one, state = self._waiting[str(run_id)], states.get(run_id)
            if state is None:
                one.ask_at = now + _ASK_AGAIN_SECONDS
                strangers.append(one)
            elif state.ended_at is not None:
                one.ended_at = state.ended_at.timestamp()
        return strangers

    def due(self, now: float, limit: int) -> list[WaitingLog]:
        """Logs of ended runs that may be tried now, those that ended first."""
        ready = (one for one in self._ended() if not one.backoff.left(now))
        return nsmallest(limit, ready, key=lambda one: one.ended_at or 0.0)

    def backlog(self) -> tuple[int, float | None]:
        """How many logs of ended runs wait, and since when the first."""
        ended = [one.ended_at for one in self._ended() if one.ended_at is not None]
        return len(ended), min(ended, default=None)

    def _ended(self) -> Iterator[WaitingLog]:
        return (one for one in self._waiting.values() if one.ended_at is not None)
