"""The certificate files: read, judged before use, and read again when they change.

One certificate serves both directions: a worker shows it as a server to the leader, and as a
client when it leads itself. Trust is the CA file; without one the certificate has to be
self-signed and is its own CA. gRPC connects to pod addresses and free ports, so host names prove
nothing here: every certificate names ``SERVER_NAME`` instead (as a DNS name, or as the common
name of a certificate that has no alternative names at all), and both sides check that.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from scheduler.domain.errors import CertificateProblem

SERVER_NAME = "scheduler-grpc"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the PEM files are. ``ca_file`` None: the certificate is self-signed and its own CA."""

    cert_file: Path
    key_file: Path
    ca_file: Path | None = None

    def paths(self) -> tuple[Path, ...]:
        own = (self.cert_file, self.key_file)
        return own if self.ca_file is None else (*own, self.ca_file)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM bytes that were found to fit together, and the end of their validity (UTC)."""

    cert_pem: bytes
    key_pem: bytes
    ca_pem: bytes
    not_after: datetime


def load(files: TlsFiles, now: datetime) -> Certificates:
    """Reads the files and judges them at ``now``. Raises CertificateProblem in one sentence."""
    cert_pem, key_pem = _read(files.cert_file), _read(files.key_file)
    chain = _certificates(files.cert_file, cert_pem)
    leaf = chain[0]
    _check_dates(files.cert_file, leaf, now)
    _check_purpose(files.cert_file, leaf)
    _check_key(files, leaf, key_pem)
    ca_pem = cert_pem if files.ca_file is None else _read(files.ca_file)
    _check_trust(files, chain, ca_pem)
    return Certificates(cert_pem, key_pem, ca_pem, leaf.not_valid_after_utc)


class CertificateWatch:
    """The certificates in force. New files take effect when they are whole and good.

    Files that change into something unusable are reported once and the old certificates stay in
    force, so that a half-written file or a slow renewal stops nobody. Safe for threads.
    """

    def __init__(
        self, files: TlsFiles, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Raises CertificateProblem: a start with bad files is refused."""
        self.files = files
        self._now = now
        self._lock = threading.Lock()
        self._seen = _signature(files)
        self._current = load(files, now())
        self._generation = 1

    def current(self) -> tuple[int, Certificates]:
        """(generation, certificates); the generation rises with each change."""
        with self._lock:
            signature = _signature(self.files)
            if signature != self._seen:
                self._reload()
                self._seen = signature
            return self._generation, self._current

    def _reload(self) -> None:
        try:
            fresh = load(self.files, self._now())
        except CertificateProblem as problem:
            _log.warning("certificate_reload_refused", problem=str(problem))
            return
        if fresh != self._current:
            self._current = fresh
            self._generation += 1
            _log.info("certificate_reloaded", not_after=fresh.not_after.isoformat())


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """DNS names of a certificate; its common name only where it has no alternative names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(str(name.value) for name in common)
    return tuple(names.value.get_values_for_type(x509.DNSName))


def _signature(files: TlsFiles) -> tuple[tuple[int, int, int] | None, ...]:
    """What changes when a file is rewritten, renamed over, or its symlink is moved (Kubernetes)."""
    return tuple(_stat(path) for path in files.paths())


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        hint = "make one with `manage.py scheduler_dev_certs` or correct SCHEDULER_TLS_*_FILE"
        raise CertificateProblem(str(path), "does not exist", hint) from None
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        hint = "let the user of this process read it"
        raise CertificateProblem(str(path), f"cannot be read ({why})", hint) from None


def _certificates(path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        problem, hint = "holds no PEM certificate", "it must begin with BEGIN CERTIFICATE"
        raise CertificateProblem(str(path), problem, hint) from None


def _check_dates(path: Path, leaf: x509.Certificate, now: datetime) -> None:
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now > end:
        raise CertificateProblem(str(path), f"expired on {end:%Y-%m-%d %H:%M} UTC", "renew it")
    if now < start:
        problem = f"is not valid before {start:%Y-%m-%d %H:%M} UTC"
        raise CertificateProblem(str(path), problem, "wait, or set this machine's clock right")


def _check_purpose(path: Path, leaf: x509.Certificate) -> None:
    names = names_of(leaf)
    if SERVER_NAME not in names:
        problem = f"names {', '.join(names) or 'nobody'}, not {SERVER_NAME}"
        raise CertificateProblem(str(path), problem, f"issue it for the DNS name {SERVER_NAME}")
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    both = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    if not both <= set(usage) and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usage:
        problem = "is not for both server and client authentication"
        raise CertificateProblem(str(path), problem, "issue it with both extended key usages")


def _check_key(files: TlsFiles, leaf: x509.Certificate, key_pem: bytes) -> None:
    path = str(files.key_file)
    try:
        key = load_pem_private_key(key_pem, password=None)
    except TypeError:
        raise CertificateProblem(path, "is encrypted", "store it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        hint = "it must begin with BEGIN PRIVATE KEY"
        raise CertificateProblem(path, "holds no PEM private key", hint) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateProblem(path, "is neither RSA nor EC", "gRPC speaks only these two")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        problem = f"does not belong to the certificate {files.cert_file}"
        raise CertificateProblem(path, problem, "give the two files that were made together")


def _check_trust(files: TlsFiles, chain: list[x509.Certificate], ca_pem: bytes) -> None:
    if files.ca_file is None:
        if not _issued(chain[0], chain[0]):
            hint = "name its CA in SCHEDULER_TLS_CA_FILE"
            raise CertificateProblem(str(files.cert_file), "is not self-signed", hint)
        return
    roots = _certificates(files.ca_file, ca_pem)
    if not _chains_to(chain[0], chain[1:], roots):
        problem = f"is not signed by the CA in {files.ca_file}"
        hint = "give the CA that signed it in SCHEDULER_TLS_CA_FILE"
        raise CertificateProblem(str(files.cert_file), problem, hint)


def _chains_to(
    leaf: x509.Certificate,
    between: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
) -> bool:
    """Whether signatures lead from the leaf to a root. Dates and limits are for the handshake."""
    current: x509.Certificate | None = leaf
    for _ in range(len(between) + 1):
        assert current is not None
        if current in roots or any(_issued(root, current) for root in roots):
            return True
        issuers = (each for each in between if each != current and _issued(each, current))
        current = next(issuers, None)
        if current is None:
            return False
    return False


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
