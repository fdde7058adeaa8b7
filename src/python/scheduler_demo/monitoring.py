"""Prometheus and Alertmanager, where this machine has them: for the demo and for tests.

Neither comes in a wheel; Debian has both (``apt-get install prometheus prometheus-alertmanager``).
They listen on 127.0.0.1 only, keep their data in a folder, and end with who started them.
"""

import http.client
import json
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler_demo.errors import ServiceProblem
from scheduler_demo.server import Server

INSTALL = "run: apt-get install -y prometheus prometheus-alertmanager"


@dataclass(frozen=True, slots=True)
class Scrape:
    """What Prometheus asks: a name, (host:port, ...), and the bearer token where one is needed."""

    name: str
    targets: Sequence[str]
    token: str = ""


class HttpServer(Server):
    """A server that answers at ``/-/ready`` of a port of 127.0.0.1."""

    stop_signal = signal.SIGTERM
    programs: tuple[str, ...]

    def __init__(self, data_dir: Path, *, port: int = 0) -> None:
        super().__init__(data_dir, port=port)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def program(cls) -> str | None:
        """Where it is installed; None where it is not."""
        return next(filter(None, map(shutil.which, cls.programs)), None)

    @property
    def _program(self) -> str:
        found = self.program()
        if found is None:
            raise ServiceProblem(self.name, "is not installed here", INSTALL)
        return found

    @property
    def _config(self) -> Path:
        """JSON is YAML."""
        return self.data_dir / f"{self.name.lower()}.yaml"

    def _write(self, config: Mapping[str, Any]) -> None:
        self._config.write_text(json.dumps(config, indent=2), encoding="utf-8")

    def _answers(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        with closing(line), suppress(OSError, http.client.HTTPException):
            line.request("GET", "/-/ready")
            return line.getresponse().status == 200
        return False


class LocalPrometheus(HttpServer):
    """A Prometheus that asks every ``interval_seconds`` and knows ``rules``."""

    name = "Prometheus"
    programs = ("prometheus",)

    def __init__(
        self,
        data_dir: Path,
        scrapes: Sequence[Scrape],
        *,
        port: int = 0,
        rules: Path | None = None,
        alertmanager: str | None = None,
        interval_seconds: int = 5,
    ) -> None:
        super().__init__(data_dir, port=port)
        self._scrapes, self._rules, self._alertmanager = scrapes, rules, alertmanager
        self._interval = f"{interval_seconds}s"

    def _prepare(self) -> None:
        managers = [{"static_configs": [{"targets": [self._alertmanager]}]}]
        self._write(
            {
                "global": {
                    "scrape_interval": self._interval,
                    "evaluation_interval": self._interval,
                },
                "rule_files": [str(self._rules.resolve())] if self._rules else [],
                "alerting": {"alertmanagers": managers if self._alertmanager else []},
                "scrape_configs": [_scrape(each) for each in self._scrapes],
            }
        )

    def _command(self) -> list[str]:
        return [
            self._program,
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.data_dir / 'data'}",
            "--storage.tsdb.retention.time=1d",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]


class LocalAlertmanager(HttpServer):
    """An Alertmanager that tells ``webhook`` of each alert, with ``token`` as bearer; None: only
    its own page shows them."""

    name = "Alertmanager"
    programs = ("prometheus-alertmanager", "alertmanager")

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        webhook: str | None = None,
        token: str = "",
        group_seconds: int = 1,
    ) -> None:
        super().__init__(data_dir, port=port)
        self._webhook, self._token = webhook, token
        self._group = f"{group_seconds}s"

    def _prepare(self) -> None:
        hook: dict[str, Any] = {"url": self._webhook}
        if self._token:
            hook["http_config"] = {"authorization": {"credentials": self._token}}
        receiver: dict[str, Any] = {"name": "scheduler"}
        if self._webhook:
            receiver["webhook_configs"] = [hook]
        self._write(
            {
                "route": {
                    "receiver": "scheduler",
                    "group_by": ["alertname", "job_name"],
                    "group_wait": self._group,
                    "group_interval": self._group,
                    "repeat_interval": "4h",
                },
                "receivers": [receiver],
            }
        )

    def _command(self) -> list[str]:
        return [
            self._program,
            f"--config.file={self._config}",
            f"--storage.path={self.data_dir / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]


def _scrape(scrape: Scrape) -> dict[str, Any]:
    found: dict[str, Any] = {
        "job_name": scrape.name,
        "static_configs": [{"targets": list(scrape.targets)}],
    }
    if scrape.token:
        found["authorization"] = {"credentials": scrape.token}
    return found
