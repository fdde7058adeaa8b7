"""The fence that every leader write carries, and what its failure means."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import Fence
from scheduler.store.dialects import maybe_uuid
from scheduler.store.sessions import Row, Session
from scheduler.store.statements import Batches, Statement

MAX_ROWS = 1000

# FOR SHARE waits for a bump under way and makes the next one wait until this statement has
# committed. FOR KEY SHARE would not: a bump changes no key column, so the two do not conflict.
FENCE = """
    SELECT 1 AS ok FROM scheduler_cluster
    WHERE id = 1 AND epoch = %(epoch)s AND term_id = %(term_id)s FOR SHARE
"""

_LEADER = Statement(
    "SELECT c.epoch, c.term_id, c.leader_worker_id FROM scheduler_cluster AS c WHERE c.id = 1"
)


def fenced(
    session: Session,
    fence: Fence,
    statement: Statement,
    batches: Batches | None = None,
    **values: Any,
) -> list[Row]:
    """Run a leader write; raises StaleEpoch when its fence did not hold.

    Only an empty result leaves it open whether the fence held: then the cluster row is read. A
    term that is over never comes back, so a fence that holds now has held before."""
    rows = session.run(statement, batches, epoch=fence.epoch, term_id=fence.term_id, **values)
    if not rows:
        check_fence(session, fence)
    return rows


def check_fence(session: Session, fence: Fence) -> None:
    """Raises StaleEpoch when another term is in the cluster row."""
    epoch, term_id, leader = session.run(_LEADER)[0]
    if epoch != fence.epoch or maybe_uuid(term_id) != fence.term_id:
        raise StaleEpoch(fence.epoch, epoch, leader)


def chunks[T](items: Sequence[T], size: int = MAX_ROWS) -> Iterator[Sequence[T]]:
    """The items in parts of at most ``size``."""
    return (items[start : start + size] for start in range(0, len(items), size))


def until_short[T](once: Callable[[], list[T]], size: int = MAX_ROWS) -> list[T]:
    """Repeat a statement that takes at most ``size`` rows until it takes fewer; all it took."""
    taken: list[T] = []
    while True:
        part = once()
        taken += part
        if len(part) < size:
            return taken
