"""Each bad certificate file stops the start with one sentence that says which and what next."""

import os
from datetime import timedelta

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from scheduler.domain.errors import CertificateProblem
from scheduler.transport.tls import TlsFiles, load
from tests.integration.transport.conftest import NOW


def problem(files: TlsFiles) -> str:
    with pytest.raises(CertificateProblem) as caught:
        load(files, NOW)
    sentence = str(caught.value)
    assert "\n" not in sentence and caught.value.path in sentence
    return sentence


@pytest.mark.parametrize("which", ["cert_file", "key_file", "ca_file"])
def test_a_missing_file(issue, which):
    files = issue("worker")
    getattr(files, which).unlink()
    sentence = problem(files)
    assert "does not exist" in sentence and str(getattr(files, which)) in sentence


def test_a_folder_in_place_of_a_file(issue):
    files = issue("worker")
    files.key_file.unlink()
    files.key_file.mkdir()
    assert "cannot be read (is a directory)" in problem(files)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(issue):
    files = issue("worker")
    files.key_file.chmod(0)
    assert "cannot be read (permission denied)" in problem(files)


@pytest.mark.parametrize("junk", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nxx\n", b"\x00\xff"])
def test_what_is_no_certificate(issue, junk):
    files = issue("worker")
    files.cert_file.write_bytes(junk)
    assert "holds no PEM certificate" in problem(files)


@pytest.mark.parametrize("junk", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nxx\n"])
def test_what_is_no_key(issue, junk):
    files = issue("worker")
    files.key_file.write_bytes(junk)
    assert "holds no PEM private key" in problem(files)


def test_a_ca_file_that_is_none(issue):
    files = issue("worker")
    files.ca_file.write_bytes(b"hello")
    assert "ca.crt holds no PEM certificate" in problem(files)


def test_an_encrypted_key(issue):
    files = issue("worker")
    key = load_pem_private_key(files.key_file.read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    files.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    assert "is encrypted" in problem(files)


def test_a_key_of_a_kind_that_grpc_does_not_speak(issue):
    files = issue("worker")
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.key_file.write_bytes(pem)
    assert "is neither RSA nor EC" in problem(files)


def test_the_key_of_another_certificate(issue):
    files, other = issue("worker"), issue("other")
    mixed = TlsFiles(files.cert_file, other.key_file, files.ca_file)
    assert f"does not belong to the certificate {files.cert_file}" in problem(mixed)


def test_an_expired_certificate(issue):
    files = issue("worker", not_after=NOW - timedelta(hours=1))
    assert "expired on" in problem(files)


def test_a_certificate_not_yet_valid(issue):
    files = issue("worker", not_before=NOW + timedelta(hours=1))
    assert "is not valid before" in problem(files)


def test_a_certificate_of_another_ca(issue):
    files = issue("worker", by=trustme.CA())
    assert "is not signed by the CA in" in problem(files)


def test_a_certificate_that_needs_a_ca_file_but_has_none(issue):
    files = issue("worker")
    alone = TlsFiles(files.cert_file, files.key_file)
    sentence = problem(alone)
    assert "is not self-signed" in sentence and "SCHEDULER_TLS_CA_FILE" in sentence


def test_a_certificate_for_another_name(issue):
    files = issue("worker", name="www.example.com")
    assert "names www.example.com, not scheduler-grpc" in problem(files)


def test_a_certificate_of_an_intermediate_ca_is_good_with_its_chain(issue, tmp_path, ca):
    between = ca.create_child_ca()
    issued = between.issue_cert("scheduler-grpc")
    files = issue("worker")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    files.cert_file.write_bytes(chain)
    files.key_file.write_bytes(issued.private_key_pem.bytes())
    assert load(files, NOW).cert_pem == chain
    files.cert_file.write_bytes(issued.cert_chain_pems[0].bytes())
    assert "is not signed by the CA in" in problem(files)
