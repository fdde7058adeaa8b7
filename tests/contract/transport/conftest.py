"""Each test of this folder runs on the fake and over gRPC, with mTLS and in plaintext."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scheduler.ports import WorkerLink
from scheduler.testing.link import FakeWorkerLink, Network
from scheduler.testing.service import RecordingWorkerService
from scheduler.transport.certificates import mint
from scheduler.transport.client import GrpcWorkerLink
from scheduler.transport.server import WorkerServer
from scheduler.transport.tls import CertificateWatch, TlsFiles


@dataclass
class Wire:
    """A leader's link and the worker that it leads to."""

    link: WorkerLink
    service: RecordingWorkerService
    address: str
    dead_address: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    folder: Path = tmp_path_factory.mktemp("tls")
    return mint(folder, days=1)


@pytest.fixture(params=["fake", "mtls", "plaintext"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    service = RecordingWorkerService()
    if request.param == "fake":
        network = Network(random.Random(1), now=lambda: 0.0)
        network.serve("w-1:50051", service)
        yield Wire(FakeWorkerLink(network, "leader"), service, "w-1:50051", "w-2:50051")
        return
    tls = None
    if request.param == "mtls":
        tls = CertificateWatch(request.getfixturevalue("certificate"))
    server, link = WorkerServer(service, tls), GrpcWorkerLink(tls)
    port = server.start("127.0.0.1", [0])
    yield Wire(link, service, f"127.0.0.1:{port}", "127.0.0.1:1")
    link.close()
    server.stop(0)
