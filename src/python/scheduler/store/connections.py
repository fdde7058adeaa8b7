"""The database that Django's settings or a URL name, for raw connections beside Django's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection
from psycopg.conninfo import conninfo_to_dict

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.plugin_api.masking import mask_text
from scheduler.store.postgres import PostgresDatabase
from scheduler.store.sessions import Database
from scheduler.store.sqlite import SqliteDatabase

DJANGO_ONLY_OPTIONS = frozenset({"isolation_level", "assume_role", "pool", "server_side_binding"})


def database_from_settings(settings: Mapping[str, Any], *, worker_id: str = "-") -> Database:
    """The database of one entry of Django's DATABASES. ValueError for another engine."""
    engine = str(settings["ENGINE"]).rpartition(".")[2]
    if engine == "sqlite3":
        return SqliteDatabase(Path(settings["NAME"]), worker_id=worker_id)
    if engine == "postgresql":
        return PostgresDatabase(_conninfo(settings), worker_id=worker_id)
    raise ValueError(f"database engine {engine!r} is not supported; use postgresql or sqlite3")


def database_from_url(url: str, *, worker_id: str = "-") -> Database:
    """The database of a DATABASE_URL: ``postgresql://...`` or ``sqlite:////path``."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(Path(url.removeprefix("sqlite:///")), worker_id=worker_id)
    return PostgresDatabase(conninfo_to_dict(url), worker_id=worker_id)


def unavailable(error: DatabaseError) -> DatabaseUnavailable:
    """An error of Django's connection of the calling thread, in our words; the connection is given
    up, so that the next use connects anew."""
    connection.close()
    where = str(connection.settings_dict.get("HOST") or connection.settings_dict["NAME"])
    return DatabaseUnavailable(where, mask_text(str(error).strip().partition("\n")[0]))


def _conninfo(settings: Mapping[str, Any]) -> dict[str, Any]:
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    found = {key: settings.get(name) for name, key in (names | {"PORT": "port"}).items()}
    options = settings.get("OPTIONS") or {}
    extra = {key: value for key, value in options.items() if key not in DJANGO_ONLY_OPTIONS}
    return {key: value for key, value in found.items() if value} | extra
