"""Who may speak on the line, over real handshakes."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from scheduler.domain.errors import PeerUnreachable
from scheduler.testing.service import RecordingWorkerService
from scheduler.transport.certificates import mint
from scheduler.transport.client import GrpcWorkerLink
from scheduler.transport.failures import CommandRefused
from scheduler.transport.tls import Certificates, CertificateWatch, TlsFiles
from tests.integration.transport.conftest import COMMAND, NOW, Issue, unjudged


def refusal(link: GrpcWorkerLink, address: str, service: RecordingWorkerService) -> str:
    """The sentence of a refused ping, which must not have reached the worker."""
    with pytest.raises(PeerUnreachable) as caught:
        link.ping(address, COMMAND, 0)
    assert service.echoes == []
    assert not caught.value.refused
    return str(caught.value)


def test_peers_of_one_ca_understand_each_other(issue, serve, lead):
    address = serve(CertificateWatch(issue("worker")))
    reply = lead(CertificateWatch(issue("leader"))).ping(address, COMMAND, 0)
    assert reply.worker_id == "w-1"


def test_a_self_signed_certificate_is_its_own_ca_on_both_sides(tmp_path, serve, lead):
    tls = CertificateWatch(mint(tmp_path, days=1))
    assert lead(tls).ping(serve(tls), COMMAND, 0).worker_id == "w-1"


def test_the_openssl_certificate_of_the_docs_without_alternative_names_works(tmp_path, serve, lead):
    files = TlsFiles(tmp_path / "tls.crt", tmp_path / "tls.key")
    command = [
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-days", "3650", "-nodes"),
        *("-keyout", str(files.key_file), "-out", str(files.cert_file)),
        *("-subj", "/CN=scheduler-grpc"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert b"Alternative" not in _text_of(files.cert_file)
    tls = CertificateWatch(files)
    assert lead(tls).ping(serve(tls), COMMAND, 0).worker_id == "w-1"


def _text_of(certificate: Path) -> bytes:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-text"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_a_leader_of_another_ca_is_refused(issue, serve, lead, service):
    foreign = trustme.CA()
    address = serve(CertificateWatch(issue("worker")))
    # It trusts us, but we do not trust it: only the worker can refuse here.
    tls = CertificateWatch(_trusting_ours(issue, foreign))
    assert "finds our certificate bad" in refusal(lead(tls), address, service)


def _trusting_ours(issue: Issue, foreign: trustme.CA) -> TlsFiles:
    ours: TlsFiles = issue("ours")
    theirs: TlsFiles = issue("theirs", by=foreign, trust=foreign)
    assert ours.ca_file is not None and theirs.ca_file is not None
    both = ours.ca_file.read_bytes() + theirs.ca_file.read_bytes()
    theirs.ca_file.write_bytes(both)
    return theirs


def test_a_worker_of_another_ca_is_refused(issue, serve, lead, service):
    foreign = trustme.CA()
    address = serve(CertificateWatch(issue("worker", by=foreign, trust=foreign)))
    link = lead(CertificateWatch(issue("leader")))
    assert "not signed by our CA" in refusal(link, address, service)


def test_a_leader_whose_certificate_expired_is_refused(issue, serve, lead, service):
    address = serve(CertificateWatch(issue("worker")))
    expired = issue("leader", not_after=NOW - timedelta(hours=1))
    link = lead(unjudged(expired, NOW - timedelta(hours=2)))
    assert "finds our certificate bad" in refusal(link, address, service)


def test_a_worker_whose_certificate_expired_is_refused(issue, serve, lead, service):
    expired = issue("worker", not_after=NOW - timedelta(hours=1))
    address = serve(unjudged(expired, NOW - timedelta(hours=2)))
    link = lead(CertificateWatch(issue("leader")))
    assert "has expired or is not signed by our CA" in refusal(link, address, service)


def test_another_certificate_of_the_same_ca_gives_no_commands(issue, serve, lead, service, ca):
    address = serve(CertificateWatch(issue("worker")))
    web = issue("web", name="www.example.com")
    link = lead(_Unchecked(web))
    with pytest.raises(CommandRefused) as caught:
        link.ping(address, COMMAND, 0)
    assert caught.value.refusal_code == "peer_refused"
    assert service.echoes == []


def test_a_server_with_another_certificate_of_the_same_ca_is_no_worker(issue, serve, lead, service):
    address = serve(_Unchecked(issue("web", name="www.example.com")))
    link = lead(CertificateWatch(issue("leader")))
    assert "does not name scheduler-grpc" in refusal(link, address, service)


class _Unchecked(CertificateWatch):
    """Certificates that ``load`` would refuse, as an intruder would use them."""

    def __init__(self, files: TlsFiles) -> None:
        self.files = files

    def current(self) -> tuple[int, Certificates]:
        pems = [path.read_bytes() for path in self.files.paths()]
        return 1, Certificates(pems[0], pems[1], pems[2], NOW)


def test_a_plaintext_leader_is_refused_by_a_worker_with_tls(issue, serve, lead, service):
    address = serve(CertificateWatch(issue("worker")))
    sentence = refusal(lead(None), address, service)
    assert "demands mTLS" in sentence and "SCHEDULER_GRPC_INSECURE" in sentence


def test_a_leader_with_tls_refuses_a_plaintext_worker(issue, serve, lead, service):
    link = lead(CertificateWatch(issue("leader")))
    sentence = refusal(link, serve(None), service)
    assert "speaks plaintext" in sentence and "SCHEDULER_GRPC_INSECURE" in sentence


def test_plaintext_is_loudly_said_on_both_sides(serve, lead, caplog, capsys):
    lead(None).ping(serve(None), COMMAND, 0)
    said = capsys.readouterr().err + caplog.text
    assert said.count("SCHEDULER_GRPC_INSECURE=1") == 2
