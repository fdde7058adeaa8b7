"""The cluster's time: what is decided by several machines goes by one clock."""

from datetime import datetime

from scheduler.store.clock import rdb_now


def cluster_now() -> datetime:
    """Aware UTC, by the RDB's clock; on SQLite this machine's."""
    return rdb_now()
