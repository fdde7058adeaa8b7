"""Servers and links over real sockets, and certificates good and bad."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import trustme

from scheduler.ports import Command
from scheduler.testing.service import RecordingWorkerService
from scheduler.transport.client import Deadlines, GrpcWorkerLink
from scheduler.transport.server import WorkerServer
from scheduler.transport.tls import SERVER_NAME, CertificateWatch, TlsFiles

COMMAND = Command(42, UUID(int=7), "w-leader")
NOW = datetime.now(UTC)

type Issue = Callable[..., TlsFiles]


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def issue(tmp_path: Path, ca: trustme.CA) -> Issue:
    """Writes a certificate of ``by`` (our CA) for the dates and name given."""

    def issue(
        folder: str,
        *,
        by: trustme.CA | None = None,
        trust: trustme.CA | None = None,
        name: str = SERVER_NAME,
        not_after: datetime = NOW + timedelta(days=1),
        not_before: datetime = NOW - timedelta(days=2),
    ) -> TlsFiles:
        issued = (by or ca).issue_cert(name, not_after=not_after, not_before=not_before)
        return write(
            tmp_path / folder,
            issued.cert_chain_pems[0].bytes(),
            issued.private_key_pem.bytes(),
            (trust or ca).cert_pem.bytes(),
        )

    return issue


def write(folder: Path, cert: bytes, key: bytes, ca: bytes | None = None) -> TlsFiles:
    """(Over)writes the three files."""
    folder.mkdir(exist_ok=True)
    files = TlsFiles(folder / "tls.crt", folder / "tls.key", folder / "ca.crt" if ca else None)
    files.cert_file.write_bytes(cert)
    files.key_file.write_bytes(key)
    if files.ca_file is not None and ca is not None:
        files.ca_file.write_bytes(ca)
    return files


def unjudged(files: TlsFiles, at: datetime = NOW) -> CertificateWatch:
    """Certificates as seen at another time: what a peer with a wrong clock would use."""
    return CertificateWatch(files, now=lambda: at)


@pytest.fixture
def service() -> RecordingWorkerService:
    return RecordingWorkerService()


@pytest.fixture
def serve(service: RecordingWorkerService) -> Iterator[Callable[..., str]]:
    """Starts a server with these certificates (None: plaintext); returns its address."""
    servers: list[WorkerServer] = []

    def serve(tls: CertificateWatch | None) -> str:
        server = WorkerServer(service, tls)
        servers.append(server)
        return f"127.0.0.1:{server.start('127.0.0.1', [0])}"

    yield serve
    for server in servers:
        server.stop(0)


@pytest.fixture
def lead() -> Iterator[Callable[..., GrpcWorkerLink]]:
    """Makes a link with these certificates (None: plaintext)."""
    links: list[GrpcWorkerLink] = []

    def lead(tls: CertificateWatch | None, deadlines: Deadlines | None = None) -> GrpcWorkerLink:
        links.append(GrpcWorkerLink(tls, deadlines))
        return links[-1]

    yield lead
    for link in links:
        link.close()
