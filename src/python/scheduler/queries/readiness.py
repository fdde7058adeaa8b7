"""Has this web process what it needs? Each part is asked with a short time limit.

The sentences may be shown to anybody: what a server said of its trouble goes to the log only.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from django.db import connections

from scheduler.coordination.connection import RedisConnection
from scheduler.domain.errors import SchedulerError
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.resolution import resolve
from scheduler.plugin_api.services import Readiness
from scheduler.store.connections import database_from_settings
from scheduler.store.probe import probe

log = structlog.get_logger(__name__)

CERTIFICATE_VARIABLE = "SCHEDULER_TLS_CERT_FILE"


def web_readiness() -> tuple[Readiness, ...]:
    """``database``, ``redis`` and, where one is configured, ``certificate``; ``settings`` alone
    where the environment holds a bad one. Takes some eight seconds at most.
    """
    try:
        # All that is read here is given by the environment alone; the RDB may be away.
        core = resolve(CoreSettings, rows={}, environ=os.environ).settings
    except SchedulerError as error:
        log.warning("web_process_not_ready", part="settings", reason=str(error))
        return (Readiness("settings", False, "A setting is bad; the log says which."),)
    asked = [
        _asked("database", "The database answers.", "The database does not answer.", _ask_database),
        _asked("redis", "Redis answers.", "Redis does not answer.", lambda: _ask_redis(core)),
    ]
    if _has_certificate(core):
        good, bad = "The certificate can be used.", "The certificate cannot be used."
        asked.append(_asked("certificate", good, bad, lambda: _load_certificate(core)))
    return tuple(asked)


def _asked(name: str, good: str, bad: str, ask: Callable[[], object]) -> Readiness:
    try:
        ask()
    except SchedulerError as error:
        log.warning("web_process_not_ready", part=name, reason=str(error))
        return Readiness(name, False, bad)
    return Readiness(name, True, good)


def _ask_database() -> None:
    probe(database_from_settings(connections.settings["default"], worker_id="web"))


def _ask_redis(core: CoreSettings) -> None:
    connection = RedisConnection(core.redis_url.get_secret_value())
    try:
        connection.ping()
    finally:
        connection.close()


def _has_certificate(core: CoreSettings) -> bool:
    """A web process needs one only to read logs from workers; the default path may be empty."""
    named = bool(os.environ.get(CERTIFICATE_VARIABLE))
    return not core.grpc_insecure and (named or Path(core.tls_cert_file).exists())


def _load_certificate(core: CoreSettings) -> None:
    # Imported by whoever has a certificate: it brings the libraries of TLS.
    from scheduler.transport.tls import TlsFiles, load

    ca_file = Path(core.tls_ca_file) if core.tls_ca_file else None
    load(TlsFiles(Path(core.tls_cert_file), Path(core.tls_key_file), ca_file), datetime.now(UTC))
