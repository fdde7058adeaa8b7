"""New certificate files take effect without a restart, and without losing a call."""

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from scheduler.domain.errors import PeerUnreachable
from scheduler.transport.tls import CertificateWatch
from tests.integration.transport.conftest import COMMAND, write


def move(source, target):
    """Puts the files of ``source`` in the place of ``target``'s, each in one step."""
    for new, old in zip(source.paths(), target.paths(), strict=True):
        os.replace(new, old)


def test_both_sides_move_to_a_new_ca_without_a_restart(issue, serve, lead):
    worker, leader = issue("worker"), issue("leader")
    address = serve(CertificateWatch(worker))
    link = lead(CertificateWatch(leader))
    link.ping(address, COMMAND, 1)
    new_ca = trustme.CA()
    move(issue("worker-2", by=new_ca, trust=new_ca), worker)
    move(issue("leader-2", by=new_ca, trust=new_ca), leader)
    assert link.ping(address, COMMAND, 2).nonce == 2
    assert lead(CertificateWatch(leader)).ping(address, COMMAND, 3).nonce == 3


def test_after_the_move_the_old_ca_is_refused(issue, serve, lead):
    worker, old_leader = issue("worker"), issue("leader")
    address = serve(CertificateWatch(worker))
    new_ca = trustme.CA()
    move(issue("worker-2", by=new_ca, trust=new_ca), worker)
    with pytest.raises(PeerUnreachable):
        lead(CertificateWatch(old_leader)).ping(address, COMMAND, 0)


def test_a_call_under_way_survives_the_reload(issue, serve, lead, service):
    leader = issue("leader")
    address = serve(CertificateWatch(issue("worker")))
    link = lead(CertificateWatch(leader))
    entered, leave = threading.Event(), threading.Event()

    def block_a_drain(method):
        if method == "drain":
            entered.set()
            assert leave.wait(5)

    service.before = block_a_drain
    errors: list[Exception] = []

    def drain() -> None:
        try:
            link.drain(address, COMMAND, drain=True)
        except PeerUnreachable as error:
            errors.append(error)

    thread = threading.Thread(target=drain)
    thread.start()
    assert entered.wait(5)
    move(issue("leader-2"), leader)
    assert link.ping(address, COMMAND, 0).worker_id == "w-1"
    leave.set()
    thread.join()
    assert errors == [] and service.draining


def test_a_half_written_file_changes_nothing_until_it_is_whole(issue, serve, lead):
    leader = issue("leader")
    watch = CertificateWatch(leader)
    before = watch.current()
    fresh = issue("fresh")
    whole = [path.read_bytes() for path in fresh.paths()]
    leader.cert_file.write_bytes(whole[0][:100])
    assert watch.current() == before
    leader.cert_file.write_bytes(whole[0])
    assert watch.current() == before
    write(leader.cert_file.parent, *whole)
    generation, certificates = watch.current()
    assert generation == before[0] + 1
    assert certificates.cert_pem == whole[0]


def test_a_vanished_file_changes_nothing(issue):
    files = issue("leader")
    watch = CertificateWatch(files)
    before = watch.current()
    files.key_file.unlink()
    assert watch.current() == before


def test_a_replacement_that_is_expired_changes_nothing(issue):
    files = issue("leader")
    watch = CertificateWatch(files)
    before = watch.current()
    move(issue("expired", not_after=datetime.now(UTC) - timedelta(hours=1)), files)
    assert watch.current() == before


def test_files_touched_but_equal_are_no_new_generation(issue):
    files = issue("leader")
    watch = CertificateWatch(files)
    before = watch.current()
    os.utime(files.cert_file, ns=(1, 1))
    assert watch.current() == before


def test_a_moved_symlink_is_seen_as_kubernetes_moves_it(issue, tmp_path):
    data = tmp_path / "..data"
    data.symlink_to(issue("first").cert_file.parent)
    from scheduler.transport.tls import TlsFiles

    watch = CertificateWatch(TlsFiles(data / "tls.crt", data / "tls.key", data / "ca.crt"))
    second = issue("second")
    (tmp_path / "tmp").symlink_to(second.cert_file.parent)
    os.replace(tmp_path / "tmp", data)
    generation, certificates = watch.current()
    assert (generation, certificates.cert_pem) == (2, second.cert_file.read_bytes())
