"""A line that the network swallows without a word is noticed and replaced."""

import time

import pytest

from scheduler.domain.errors import PeerUnreachable
from scheduler.testing.service import RecordingWorkerService
from scheduler.transport.certificates import mint
from scheduler.transport.client import Deadlines, GrpcWorkerLink
from scheduler.transport.server import WorkerServer
from scheduler.transport.tls import CertificateWatch
from tests.integration.swallowing_proxy import SwallowingProxy
from tests.integration.transport.conftest import COMMAND


@pytest.mark.slow
def test_a_swallowed_line_is_replaced_within_seconds(tmp_path):
    tls = CertificateWatch(mint(tmp_path, days=1))
    server = WorkerServer(RecordingWorkerService(), tls)
    proxy = SwallowingProxy(server.start("127.0.0.1", [0]))
    link = GrpcWorkerLink(tls, Deadlines(ping_seconds=2.0))
    address = f"127.0.0.1:{proxy.port}"
    link.ping(address, COMMAND, 0)
    proxy.swallow()
    swallowed_at = time.monotonic()
    with pytest.raises(PeerUnreachable) as caught:
        link.ping(address, COMMAND, 0)
    assert not caught.value.refused
    while True:
        try:
            link.ping(address, COMMAND, 0)
            break
        except PeerUnreachable:
            assert time.monotonic() - swallowed_at < 30
    print(f"replaced after {time.monotonic() - swallowed_at:.1f} s")
    assert proxy.accepted == 2, "replaced, but not by one new connection"
    link.close()
    server.stop(0)
    proxy.close()
