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


def leaving(*, running: frozenset[str], idle: bool) -> MagicMock:
    parts = MagicMock()
    parts.adapters.host.running.return_value = running
    parts.agent.idle.return_value = idle
    Worker(parts)._leave()
    return parts


def test_a_worker_with_nothing_left_gives_its_lease_back():
    assert leaving(running=frozenset(), idle=True).lease.leave.called


def test_a_lease_with_a_process_or_a_result_left_is_not_given_back():
    assert not leaving(running=frozenset({"run"}), idle=True).lease.leave.called
    assert not leaving(running=frozenset(), idle=False).lease.leave.called


def test_plugins_are_told_of_the_start_when_all_loops_run_and_of_the_end_before_it_leaves():
    told: list[str] = []
    parts = MagicMock()
    parts.adapters.clock.boottime.return_value = 0.0
    parts.adapters.host.events.return_value = []
    parts.adapters.host.running.return_value = ()
    parts.leadership.term = None
    for one in ("lease", "agent", "leadership", "beater", "pinger", "presence", "reloader"):
        getattr(parts, one).tick.return_value = 60.0
    parts.adapters.bell.listen.side_effect = lambda *_: told.append("listening")
    parts.lease.leave.side_effect = lambda: told.append("left")
    worker = Worker(
        parts,
        started=lambda: told.append("started"),
        stopping=lambda: told.append("stopping"),
    )
    worker.request_stop()
    worker.run()
    assert told == ["listening", "started", "stopping", "left"]
