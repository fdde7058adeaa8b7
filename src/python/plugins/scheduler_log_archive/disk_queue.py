"""The logs of this machine that wait for the archive: what is on the disk without a mark."""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.services import LocalLog
from scheduler.queries.in_force import core_settings
from scheduler.queries.run_logs import run_log_states
from scheduler_log_archive.folder import LogFolder
from scheduler_log_archive.marks import Marks
from scheduler_log_archive.waiting import WaitingLog, WaitingLogs

log = get_logger("log_archive.queue")

UNKNOWN_SECONDS = 86_400.0
"""A log whose run has no row (purged, or lost in a fail-over) is archived when it is so old."""

TIDY_SECONDS = 3600.0
_FOLDERS_KEPT = timedelta(days=2)


class DiskQueue:
    """The queue of one log folder. One thread. ``clock`` tells Unix time, ``steady`` seconds that
    only grow."""

    def __init__(
        self,
        log_dir: Path,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.marks, self.waiting = Marks(log_dir), WaitingLogs()
        self._folder, self._clock, self._steady = LogFolder(log_dir), clock, steady
        self._tidy_at = steady() + TIDY_SECONDS
        self._database_away = False
        self.waiting.set_done(self.marks.all_done())

    def look(self, running: Collection[UUID]) -> None:
        """Note new logs, and which of those of runs that do not run here have ended."""
        now = self._clock()
        self.waiting.add(self._folder.new(self.waiting.known, now))
        asked = self.waiting.to_ask(frozenset(running), self._steady())
        if not asked:
            return
        try:
            states = run_log_states(asked)
        except SchedulerError as error:
            if not self._database_away:
                log.warning("log_archive_waits_for_the_database", reason=str(error))
            self._database_away = True
            return
        self._database_away = False
        for one in self.waiting.learn(asked, states, self._steady()):
            self._judge_unknown(one, now)

    def tidy(self, *, delete_archived: bool) -> None:
        """Once an hour: delete archived logs that are past their retention (all of them with
        ``delete_archived``), the marks of logs that are gone, and empty folders. A log that was
        written to after it was archived is not deleted: it waits for the archive again."""
        if self._steady() < self._tidy_at:
            return
        self._tidy_at = self._steady() + TIDY_SECONDS
        now = self._clock()
        # Marks before logs: a mark is made after its log, so one whose log is missing then is old.
        marks, archived = self.marks.names(), self.marks.all_done()
        kept, grown = set(), []
        oldest = now if delete_archived else self._oldest_kept(now)
        for one in self._folder.all():
            if str(one.run_id) in archived and _is_older(one, oldest):
                if self._is_whole(one):
                    if _deleted(one):
                        continue
                else:
                    self.marks.forget(one.run_id)
                    grown.append(one)
            kept.add(str(one.run_id))
        self.marks.remove(name for name in marks if name.partition(".")[0] not in kept)
        self._folder.remove_empty((datetime.fromtimestamp(now, UTC) - _FOLDERS_KEPT).date())
        self.waiting.set_done((archived & kept) - {str(one.run_id) for one in grown})
        self.waiting.add(grown)

    def forget_sent(self) -> None:
        """The chunks are gone with their bucket: what they held is to be sent again."""
        self.waiting.forget_sent()
        self.marks.forget_sent()

    def _is_whole(self, one: LocalLog) -> bool:
        """Whether the file is still what was archived."""
        done = self.marks.done(one.run_id)
        with suppress(OSError):
            return done is not None and one.path.stat().st_size == done.size
        return True

    def _oldest_kept(self, now: float) -> float:
        """Unix time before which archived logs go."""
        with suppress(SchedulerError):
            hours = core_settings().log_local_retention_hours
            return now - hours * 3600 if hours else 0.0
        return 0.0

    def _judge_unknown(self, one: WaitingLog, now: float) -> None:
        try:
            written = one.log.path.stat().st_mtime
        except FileNotFoundError:
            self.waiting.finish(one.log.run_id, archived=False)
        except OSError:
            return
        else:
            if now - written > UNKNOWN_SECONDS:
                one.ended_at = written


def _is_older(one: LocalLog, oldest: float) -> bool:
    with suppress(OSError):
        return one.path.stat().st_mtime < oldest
    return False


def _deleted(one: LocalLog) -> bool:
    with suppress(OSError):
        one.path.unlink()
        return True
    return False
