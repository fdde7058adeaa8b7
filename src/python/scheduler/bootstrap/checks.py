"""What must be there before a worker starts; each lack is one sentence."""

from pathlib import Path
from typing import ClassVar

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from scheduler.coordination.connection import RedisConnection
from scheduler.domain.errors import DatabaseUnavailable, SchedulerError
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.store.postgres import first_line
from scheduler.transport.tls import CertificateWatch, TlsFiles


class NotMigrated(SchedulerError):
    """The database lacks tables or columns that this version needs."""

    code: ClassVar[str] = "NOT_MIGRATED"

    def __init__(self, missing: list[str]) -> None:
        self.missing = tuple(missing)
        super().__init__(
            f"The database lacks migrations of the scheduler ({len(missing)}, next: {missing[0]}); "
            "run: python manage.py migrate."
        )


def require_database() -> None:
    """Raises DatabaseUnavailable or NotMigrated."""
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        leaves = [leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] == "scheduler"]
        missing = [str(migration) for migration, _ in executor.migration_plan(leaves)]
    except DatabaseError as error:
        raise DatabaseUnavailable(database_name(), first_line(error)) from None
    finally:
        connection.close()
    if missing:
        raise NotMigrated(missing)


def require_redis(settings: CoreSettings) -> RedisConnection:
    """Raises RedisUnavailable, InvalidSetting."""
    redis = RedisConnection(settings.redis_url.get_secret_value())
    redis.ping()
    return redis


def require_certificates(settings: CoreSettings) -> CertificateWatch | None:
    """The certificates to use; None where plaintext was asked for by name.

    Raises CertificateProblem.
    """
    if settings.grpc_insecure:
        return None
    ca_file = Path(settings.tls_ca_file) if settings.tls_ca_file else None
    files = TlsFiles(Path(settings.tls_cert_file), Path(settings.tls_key_file), ca_file)
    return CertificateWatch(files)


def database_name() -> str:
    """Where the database is, without user or password."""
    found = connection.settings_dict
    host = found.get("HOST")
    return f"{host}:{found.get('PORT') or 5432}" if host else str(found.get("NAME"))
