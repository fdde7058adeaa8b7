"""The RDB's clock, which is the cluster's, over Django's connection."""

from datetime import UTC, datetime

from django.db import connection


def rdb_now() -> datetime:
    """Aware UTC; on SQLite this machine's clock."""
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)
