"""A real standby of an embedded PostgreSQL, and the address at which either of the two is found."""

import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from scheduler_demo.services import EmbeddedPostgres


class Standby(EmbeddedPostgres):
    """A streaming standby of ``primary``, copied from it when first started."""

    def __init__(self, data_dir: Path, primary: EmbeddedPostgres) -> None:
        super().__init__(data_dir, options={"fsync": "off"})
        self._primary = primary

    def _initialize(self) -> None:
        shutil.copy(self._primary.data_dir / "password", self.data_dir / "password")
        copy = [str(self._binary("pg_basebackup")), "-D", str(self._cluster), "-U", "postgres"]
        copy += ["-h", str(self._primary.socket_dir), "-X", "stream", "-R", "-c", "fast"]
        subprocess.run(copy, check=True, capture_output=True)

    def stop_receiving(self) -> None:
        """From now on nothing that the primary commits comes here."""
        self._tell("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")

    def is_receiving(self) -> bool:
        return bool(self._ask("SELECT count(*) FROM pg_stat_wal_receiver"))

    def has_caught_up(self) -> bool:
        """Whether all that the primary has flushed is replayed here."""
        with psycopg.connect(self._primary.dsn) as connection:
            flushed = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
        lag = f"SELECT pg_last_wal_replay_lsn() >= '{(flushed or ('0/0',))[0]}'::pg_lsn"
        return bool(self._ask(lag))

    def promote(self) -> None:
        """Become the primary, on a new timeline; returns when that is done."""
        assert self._ask("SELECT pg_promote(true, 60)")

    def _ask(self, query: str) -> Any:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def _tell(self, *statements: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


def either(primary: EmbeddedPostgres, standby: Standby, database: str) -> str:
    """The URL of a database on whichever of the two can be written to."""
    hosts = ",".join(str(server.socket_dir) for server in (primary, standby))
    return (
        f"postgresql://postgres@/{database}?host={quote(hosts, safe=',')}"
        "&target_session_attrs=read-write"
    )
