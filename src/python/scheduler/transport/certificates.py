"""Mints the development certificate: self-signed, its own CA, for both sides of the line."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from scheduler.domain.errors import CertificateProblem
from scheduler.transport.tls import SERVER_NAME, TlsFiles

CERT_NAME, KEY_NAME = "tls.crt", "tls.key"
DEFAULT_HOSTS = (SERVER_NAME, "localhost", "127.0.0.1")

# A clock that is a little slow on another machine must not find the certificate too young.
_BACKDATE = timedelta(minutes=5)


def mint(folder: Path, *, days: int, hosts: Sequence[str] = (), replace: bool = False) -> TlsFiles:
    """Writes ``tls.crt`` and ``tls.key`` (mode 0600) into ``folder``, which is made if missing.

    Valid from now for ``days``; names SERVER_NAME, localhost, 127.0.0.1 and ``hosts`` (names or
    addresses). Raises CertificateProblem, with nothing written, when a file is there already and
    ``replace`` is false, or when the folder cannot be written.
    """
    files = TlsFiles(folder / CERT_NAME, folder / KEY_NAME)
    for path in files.paths():
        if path.exists() and not replace:
            raise CertificateProblem(str(path), "exists already", "--force replaces it")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, days, (*DEFAULT_HOSTS, *hosts))
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(files.key_file, key_pem, 0o600)
        _write(files.cert_file, certificate.public_bytes(Encoding.PEM), 0o644)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        problem = f"cannot be written ({why})"
        raise CertificateProblem(str(folder), problem, "choose another folder") from None
    return files


def _certificate(
    key: ec.EllipticCurvePrivateKey, days: int, hosts: Sequence[str]
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([_general_name(host) for host in dict.fromkeys(hosts)])
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(names, critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)
