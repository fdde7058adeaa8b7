"""How fast the control line is: ``pytest tests/benchmarks/test_control_line.py -s``.

The worker's side runs in a process of its own, as in life; both share the machine's cores.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from scheduler.domain.values import StartOrder
from scheduler.ports import Command, StartReply
from scheduler.testing.service import RecordingWorkerService
from scheduler.transport.certificates import mint
from scheduler.transport.client import GrpcWorkerLink
from scheduler.transport.server import WorkerServer
from scheduler.transport.tls import CertificateWatch

pytestmark = pytest.mark.benchmark

COMMAND = Command(1, UUID(int=1), "w-leader")
ORDERS = 10_000


class AcceptAll(RecordingWorkerService):
    """Costs nothing itself, so that the line alone is measured."""

    def start_runs(self, command: Command, orders: Sequence[StartOrder]) -> StartReply:
        return StartReply(tuple(order.run_id for order in orders), ())


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[GrpcWorkerLink, str]]:
    tls = CertificateWatch(mint(tmp_path, days=1))
    told, tell = os.pipe()
    # Forked before this process has used gRPC, which does not survive a fork.
    worker = os.fork()
    if worker == 0:
        server = WorkerServer(AcceptAll(), tls)
        port = server.start("127.0.0.1", [0])
        os.write(tell, str(port).encode())
        signal.pause()
    link = GrpcWorkerLink(tls)
    yield link, f"127.0.0.1:{os.read(told, 16).decode()}"
    link.close()
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)


def test_pings_and_starts(line: tuple[GrpcWorkerLink, str]) -> None:
    link, address = line
    link.ping(address, COMMAND, 0)
    took = sorted(_seconds(lambda: link.ping(address, COMMAND, 1)) for _ in range(2000))
    print(f"\nping over mTLS: {2000 / sum(took):,.0f}/s", end="")
    print(f", p50 {took[1000] * 1000:.2f} ms, p99 {took[1980] * 1000:.2f} ms")
    orders = [_order(number) for number in range(ORDERS)]
    for size in (100, ORDERS):
        batches = [orders[first : first + size] for first in range(0, ORDERS, size)]
        seconds = sum(
            _seconds(lambda batch=batch: link.start_runs(address, COMMAND, batch))
            for batch in batches
        )
        print(f"starts in batches of {size}: {ORDERS / seconds:,.0f}/s")
        assert ORDERS / seconds > 5_000
    assert took[1000] < 0.02


def _seconds(act) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _order(number: int) -> StartOrder:
    return StartOrder(
        run_id=uuid4(),
        assign_seq=number,
        start_in_seconds=0.0,
        definition_id=1,
        job_name="benchmark",
        attempt=1,
        orphan_count=0,
        slot_key=f"t:{number}",
        scheduled_for=datetime.now(UTC),
        executor="management_command",
        command="noop",
        args={"number": number},
    )
