"""Tells one plugin of the runs' transitions, or of alerts, as long as this worker leads.

Each plugin has a feed of its own, and so a loop and a place in the outbox of its own: one that is
slow or fails holds up no other. The place moves after the plugin has taken a batch, so a crash
between the two tells it again, never leaves it out.
"""

from collections.abc import Callable, Sequence

import structlog

from scheduler.domain.errors import DatabaseUnavailable, StaleEpoch
from scheduler.ports import Outbox
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)

BATCH_SIZE = 500
POLL_SECONDS = 1.0
FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0


class PluginFeed[T]:
    """``deliver(items)`` is False when the plugin is to be told the same again.

    ``readers`` are all plugins that are told: what all have taken is forgotten.
    """

    def __init__(
        self,
        reader: str,
        readers: Sequence[str],
        outbox: Outbox[T],
        deliver: Callable[[Sequence[T]], bool],
        term: Callable[[], Term | None],
        *,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self._reader, self._readers, self._outbox = reader, readers, outbox
        self._deliver, self._term, self._batch_size = deliver, term, batch_size
        self._failures = 0

    def tick(self, now: float) -> float:
        """Deliver one batch; returns when to look again (boottime)."""
        term = self._term()
        if term is None:
            self._failures = 0
            return now + POLL_SECONDS
        try:
            return now + self._feed(term)
        except StaleEpoch:
            return now + POLL_SECONDS
        except DatabaseUnavailable as error:
            log.warning("feed_unavailable", plugin=self._reader, reason=str(error))
            return now + POLL_SECONDS

    def _feed(self, term: Term) -> float:
        batch = self._outbox.unread(self._reader, self._batch_size)
        if not batch.items:
            return POLL_SECONDS
        if not self._deliver(batch.items):
            self._failures += 1
            return min(FIRST_RETRY_SECONDS * 2.0 ** (self._failures - 1), LONGEST_RETRY_SECONDS)
        self._failures = 0
        self._outbox.taken(term.fence, self._reader, batch.place)
        self._outbox.forget(term.fence, self._readers)
        return 0.0
