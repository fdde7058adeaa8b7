"""Each worker notes when its certificate expires."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from scheduler.testing.worker_view import FakeWorkerView
from scheduler_monitoring import certificates
from scheduler_monitoring.certificates import CertificateNotes, read_notes, write_note
from scheduler_monitoring.models import WorkerCertificate
from scheduler_monitoring.plugin import MonitoringPlugin

NOON = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A worker with a certificate, its service, and what it wrote, at a time of the test's."""
    found = SimpleNamespace(
        now=1000.0, worker=FakeWorkerView(certificate_expires_at=NOON), written=[]
    )
    monkeypatch.setattr(certificates, "write_note", lambda *note: found.written.append(note))
    found.notes = CertificateNotes(found.worker, lambda: found.now)
    return found


def test_it_is_noted_once_and_again_when_it_was_renewed(noting):
    for _ in range(3):
        assert noting.notes.tick() == 60
    assert noting.written == [("w-1", NOON)]
    noting.worker.certificate_expires_at = NOON + timedelta(days=90)
    noting.notes.tick()
    assert noting.written[1:] == [("w-1", NOON + timedelta(days=90))]


def test_a_worker_that_joins_anew_under_another_id_notes_it_anew(noting):
    noting.notes.tick()
    noting.worker.worker_id = "w-2"
    noting.notes.tick()
    assert [worker for worker, _ in noting.written] == ["w-1", "w-2"]


def test_it_is_said_once_an_hour_that_it_is_still_so(noting):
    for seconds, times in ((0, 1), (3599, 1), (3600, 2), (7199, 2)):
        noting.now = 1000.0 + seconds
        noting.notes.tick()
        assert len(noting.written) == times


def test_what_could_not_be_written_is_tried_again(noting, monkeypatch):
    kept = certificates.write_note
    monkeypatch.setattr(certificates, "write_note", lambda *note: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        noting.notes.tick()
    monkeypatch.setattr(certificates, "write_note", kept)
    noting.notes.tick()
    assert noting.written == [("w-1", NOON)]


def test_without_tls_and_before_it_has_joined_nothing_is_noted(noting):
    noting.worker.joined = False
    assert noting.notes.tick() == 5
    noting.worker.joined, noting.worker.certificate_expires_at = True, None
    assert noting.notes.tick() == 60
    assert noting.written == []


def test_the_plugins_service_writes_it(world):
    (service,) = MonitoringPlugin().scheduler_worker_services(
        FakeWorkerView(certificate_expires_at=NOON)
    )
    service.tick()
    assert read_notes() == {"w-1": NOON}


def test_notes_of_workers_that_are_long_gone_are_deleted(world):
    now = datetime.now(UTC)
    for worker, hours in (("old", 25), ("quiet", 23)):
        WorkerCertificate.objects.create(
            worker_id=worker, expires_at=NOON, noted_at=now - timedelta(hours=hours)
        )
    write_note("w-1", NOON)
    assert set(read_notes()) == {"quiet", "w-1"}
