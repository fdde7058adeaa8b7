"""What the site's settings read from outside: environment variables and the state folder."""

import os
import secrets
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})

# What a URL may override by its query part.
_OPTIONS: dict[str, dict[str, Any]] = {
    # Without a limit a web request would wait for minutes on a host that does not answer.
    "django.db.backends.postgresql": {"connect_timeout": 5},
    # Writers of one file take turns from the first statement on: a read that becomes a write in
    # the midst of a transaction would fail at once, whatever the timeout.
    "django.db.backends.sqlite3": {
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        "timeout": 10,
    },
}


def flag(name: str) -> bool:
    """True for 1/true/yes/on, False for 0/false/no/off or unset; ImproperlyConfigured otherwise."""
    value = os.environ.get(name, "").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; set it to 1 (on) or 0 (off)")


def text(name: str) -> str | None:
    """A variable's text, None when it is unset or empty."""
    return os.environ.get(name) or None


def names(name: str, default: str = "") -> list[str]:
    """The comma-separated parts of a variable, trimmed, empty ones left out."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def state_dir() -> Path:
    """The folder for what one machine keeps (SQLite file, secret key): XDG's state folder.

    It is created only when one of the two is really kept there."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "scheduler"


def secret_key(folder: Path) -> str:
    """``DJANGO_SECRET_KEY``, or a key made once and kept (mode 0600) in ``folder``.

    Several hosts that serve one site must share a key: set the variable there."""
    if value := os.environ.get("DJANGO_SECRET_KEY"):
        return value
    path = folder / "secret_key"
    try:
        return _kept_key(path)
    except OSError as error:
        raise ImproperlyConfigured(
            f"no secret key: {path} cannot be read or written ({error.strerror});"
            " set DJANGO_SECRET_KEY"
        ) from error


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _kept_key(path: Path) -> str:
    _make_private(path.parent)
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        # A link, not a rename: of processes that start together the first one's key stays.
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def database(folder: Path) -> dict[str, Any]:
    """Django's DATABASES entry of ``DATABASE_URL``; unset: a SQLite file in ``folder``.

    ImproperlyConfigured for text that is no database URL."""
    entry = _parsed(os.environ.get("DATABASE_URL") or _own_file(folder))
    entry["OPTIONS"] = {**_OPTIONS.get(entry["ENGINE"], {}), **entry.get("OPTIONS", {})}
    return entry


def _own_file(folder: Path) -> str:
    try:
        _make_private(folder)
    except OSError as error:
        raise ImproperlyConfigured(
            f"no database: the folder {folder} cannot be made ({error.strerror}); set DATABASE_URL"
        ) from error
    return f"sqlite:///{folder / 'db.sqlite3'}"


def _parsed(url: str) -> dict[str, Any]:
    try:
        return {**dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)}
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
        # The URL holds a password: it is never quoted, nor is the error that quotes it.
        raise ImproperlyConfigured(
            "DATABASE_URL is not a database URL; write it as"
            " postgres://user:password@host:5432/name or sqlite:////path/to/file"
        ) from None
