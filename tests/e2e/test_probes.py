"""The probes of a real worker and a real web process, while their servers go and come back."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

from scheduler_demo.server import free_port
from scheduler_demo.services import EmbeddedPostgres
from scheduler_k8s_health import plugin
from tests.e2e.cluster import Cluster, every, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

HUNG_SECONDS = 5


class Probed:
    """The cluster, and what its probes say."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @property
    def worker_port(self) -> int:
        lines = self.cluster.workers[0].process.log_tail(5000).splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        ports = [one["port"] for one in events if one["event"] == "worker_http_listening"]
        return int(ports[-1])

    def worker(self, path: str) -> tuple[int, dict[str, Any]]:
        return ask(f"http://127.0.0.1:{self.worker_port}{path}")

    def web(self, path: str) -> tuple[int, dict[str, Any]]:
        assert self.cluster.web is not None
        return ask(f"http://127.0.0.1:{self.cluster.web.port}{path}", host="localhost")

    def web_as(self, host: str) -> int:
        """The status that a probe with this Host gets."""
        assert self.cluster.web is not None
        line = HTTPConnection("127.0.0.1", self.cluster.web.port, timeout=10)
        with closing(line):
            line.request("GET", "/livez", headers={"Host": host})
            return line.getresponse().status

    def becomes(self, status: int, path: str = "/readyz") -> None:
        """Both processes answer with this status before long."""
        self.cluster.wait_until(
            lambda: self.worker(path)[0] == self.web(path)[0] == status, f"{status} of {path}", 30.0
        )


def ask(url: str, *, host: str = "") -> tuple[int, dict[str, Any]]:
    request = Request(url, headers={"Host": host} if host else {})
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as answer:
        return answer.code, json.loads(answer.read())


@contextmanager
def frozen(postgres: EmbeddedPostgres) -> Iterator[None]:
    """The server and all its backends stand still: connections stay, and nothing answers."""
    pid = int((postgres.data_dir / "data" / "postmaster.pid").read_text().splitlines()[0])
    main = psutil.Process(pid)
    family = [main, *main.children(recursive=True)]
    try:
        for process in family:
            process.suspend()
        yield
    finally:
        for process in family:
            process.resume()


@pytest.fixture(scope="module")
def probed(folder: Path) -> Iterator[Probed]:
    settings = {
        "SCHEDULER_PLUGINS": f"{plugin.__name__}.KubernetesHealthPlugin",
        "SCHEDULER_WORKER_HTTP_PORT": str(free_port()),
        "SCHEDULER_K8S_LIVEZ_HUNG_SECONDS": str(HUNG_SECONDS),
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
    }
    jobs = [
        job("pulse", "noop", every(5)),
        job("work", "sample_long", every(4), default_args_json=["--seconds", "3.5"]),
    ]
    with Cluster(folder, jobs, workers=1, web_port=0, settings=settings) as cluster:
        yield Probed(cluster)


@pytest.fixture(autouse=True)
def well(probed: Probed) -> None:
    probed.cluster.mend()
    probed.becomes(200)


def test_all_is_ready_and_each_part_is_named(probed):
    assert probed.worker("/readyz")[1]["parts"] == {
        "database": "ok",
        "redis": "ok",
        "certificate": "ok",
        "registered": "ok",
        "accepts_runs": "ok",
    }
    assert probed.web("/readyz")[1]["parts"] == {
        "database": "ok",
        "redis": "ok",
        "certificate": "ok",
    }


def test_the_web_process_answers_a_probe_that_names_an_allowed_host(probed):
    assert probed.web_as("localhost") == 200
    assert probed.web_as("10.42.0.17:8000") == 400


def test_livez_names_the_loops_that_go_round(probed):
    status, body = probed.worker("/livez")
    assert status == 200
    assert body["parts"] == dict.fromkeys(["lease", "agent", "leadership", "beats", "pings"], "ok")


def test_postgres_stopped_and_started_takes_readiness_away_and_back_but_never_life(probed):
    probed.cluster.postgres.stop()
    try:
        probed.becomes(503)
        assert probed.worker("/readyz")[1]["parts"]["database"] == "failing"
        assert probed.web("/readyz")[1]["parts"]["database"] == "failing"
        assert probed.worker("/livez")[0] == probed.web("/livez")[0] == 200
    finally:
        probed.cluster.postgres.start()
    probed.becomes(200)


def test_redis_stopped_and_started_takes_readiness_away_and_back_but_never_life(probed):
    probed.cluster.valkey.kill()
    try:
        probed.becomes(503)
        assert probed.worker("/readyz")[1]["parts"]["redis"] == "failing"
        assert probed.worker("/livez")[0] == probed.web("/livez")[0] == 200
    finally:
        probed.cluster.valkey.start()
    probed.becomes(200)


def test_a_frozen_postgres_makes_loops_stand_still_but_ends_no_life(probed):
    def stands_still() -> bool:
        return "has lasted" in json.dumps(probed.worker("/livez?verbose")[1])

    with frozen(probed.cluster.postgres):
        probed.cluster.wait_until(stands_still, "a loop that stands still", 30.0)
        status, body = probed.worker("/livez?verbose")
        assert status == 200
        assert "while these do not answer: database" in json.dumps(body)
        assert probed.worker("/readyz")[0] == 503
    probed.becomes(200)


def test_a_drained_worker_is_not_ready_until_the_drain_is_undone(probed):
    worker_id = probed.cluster.worker_id(probed.cluster.workers[0])
    _request(probed, f"request_drain({worker_id!r}, by='hanako')")
    probed.cluster.wait_until(lambda: probed.worker("/readyz")[0] == 503, "503 of the drained")
    parts = probed.worker("/readyz")[1]["parts"]
    assert [name for name, word in parts.items() if word == "failing"] == ["accepts_runs"]
    _request(probed, f"request_undo_drain({worker_id!r}, by='hanako')")
    probed.becomes(200)


def test_a_worker_that_is_stopping_is_alive_and_not_ready_until_its_runs_have_ended(probed):
    cluster, worker = probed.cluster, probed.cluster.workers[0]
    with cluster.work_held() as held:
        worker.terminate()
        cluster.wait_until(lambda: probed.worker("/readyz")[0] == 503, "503 of the stopping worker")
        assert probed.worker("/readyz")[1]["parts"]["accepts_runs"] == "failing"
        assert probed.worker("/livez")[0] == 200
    cluster.wait_until(lambda: not worker.running, "the worker's end")
    # An earlier life of the worker, which a frozen database ended, may have left others.
    mine = [run for run in cluster.runs("work") if run.worker_id == held.worker_id]
    assert [run.id for run in mine if run.state == "RUNNING"] == []
    assert held.id in {run.id for run in mine if run.state == "SUCCEEDED"}


def _request(probed: Probed, call: str) -> None:
    code = f"from scheduler.requests.cluster import *; {call}"
    probed.cluster.manage("shell", "--verbosity", "0", "--command", code)
