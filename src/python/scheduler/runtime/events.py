"""The events of runs, on their way from the RDB to the process."""

from collections.abc import Sequence
from dataclasses import replace

from scheduler.ports import WorkerStore
from scheduler.runtime.orders import Handled


def load_events(store: WorkerStore, items: Sequence[Handled]) -> None:
    """Give the orders of runs that an event started that event. Without such orders the RDB is not
    asked. Called before the claim: an RDB that does not answer leaves the runs unclaimed.

    An event that is gone stays None in its order, which then fails with EventNotFound. Raises
    DatabaseUnavailable."""
    wanted = [item for item in items if item.order.event_id and item.order.event_json is None]
    if not wanted:
        return
    ids = {item.order.event_id for item in wanted if item.order.event_id}
    found = store.events(sorted(ids))
    for item in wanted:
        assert item.order.event_id is not None
        item.order = replace(item.order, event_json=found.get(item.order.event_id))
