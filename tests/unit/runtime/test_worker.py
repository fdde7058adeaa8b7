"""What ends a worker as a whole."""

from unittest.mock import MagicMock

from scheduler.runtime.worker import Worker


def test_a_worker_that_no_longer_hears_its_processes_stops_without_waiting_for_them():
    parts = MagicMock()
    parts.adapters.host.events.side_effect = TypeError("an event of another version")
    worker = Worker(parts)
    worker._read_events()
    assert worker._stop.is_set()
    assert worker._hurry.is_set()
