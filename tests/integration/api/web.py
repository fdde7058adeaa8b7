"""The site on a real server: uvicorn in a process of its own, over a database of the test's."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

START_SECONDS = 30.0


@contextmanager
def web_server(dsn: str, folder: Path) -> Iterator[str]:
    """Yields its address. What it logs stands in ``folder/web.log``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": dsn,
        "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        "SCHEDULER_LOG_DIR": str(folder / "runs"),
    }
    command = [sys.executable, "-m", "uvicorn", "scheduler_site.asgi:application"]
    command += ["--port", str(port), "--log-level", "warning"]
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, server)
            yield address
        finally:
            server.terminate()
            server.wait(10)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if requests.get(f"{address}/healthz", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError("the web server did not start; see web.log")
