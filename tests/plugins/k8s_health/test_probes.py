"""What /livez and /readyz say, and the worker's two pages."""

import json

import pytest

from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.mounts import PageRequest
from scheduler.plugin_api.services import LoopPulse
from scheduler.testing.worker_view import FakeWorkerView
from scheduler_k8s_health import probes
from scheduler_k8s_health.plugin import KubernetesHealthPlugin

NEEDS = ("database", "redis", "certificate", "registered")
LOOPS = ("lease", "agent", "leadership")


class AskedWorker(FakeWorkerView):
    """Counts how often it is asked for its readiness."""

    asked = 0

    def readiness(self):
        self.asked += 1
        return super().readiness()

    def goes(self, name: str, *, busy_seconds: float = 0.0, dead: bool = False) -> None:
        """From now on one loop goes like this."""
        others = [pulse for pulse in self.pulses if pulse.name != name]
        self.pulses = (*others, LoopPulse(name, busy_seconds, dead))


@pytest.fixture
def worker():
    found = AskedWorker()
    found.pulses = tuple(LoopPulse(name, 0.0, dead=False) for name in LOOPS)
    return found


@pytest.fixture
def ask(worker):
    """Asks a page of the plugin through its host: (status, body as JSON)."""
    host = PluginHost.load(["k8s_health"], {"k8s_health": lambda: KubernetesHealthPlugin})
    host.configure(rows={}, environ={})
    pages = {page.path: page for _, page in host.worker_pages(worker).values()}

    def asked(path, **query):
        answer = pages[path].answer(PageRequest(path, query, {}))
        assert answer.content_type == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, json.loads(answer.body)

    return asked


@pytest.mark.parametrize("away", NEEDS)
def test_a_worker_that_lacks_a_need_is_not_ready_and_names_it(ask, worker, away):
    worker.lacks(away)
    status, body = ask("/readyz")
    assert (status, body["status"], body["parts"][away]) == (503, "failing", "failing")
    assert list(body["parts"].values()).count("failing") == 1


def test_a_drained_worker_is_not_ready(ask, worker):
    worker.draining = True
    status, body = ask("/readyz", verbose="")
    assert status == 503
    assert body["parts"]["accepts_runs"] == {
        "ok": False,
        "summary": "It is being drained and takes no new runs.",
    }


def test_a_worker_with_all_it_needs_is_ready(ask):
    parts = dict.fromkeys((*NEEDS, "accepts_runs"), "ok")
    assert ask("/readyz") == (200, {"status": "ok", "parts": parts})


def test_verbose_adds_a_sentence_to_each_part(ask):
    _, body = ask("/readyz", verbose="1")
    assert body["parts"]["redis"] == {"ok": True, "summary": "All is well."}


def test_a_remote_end_that_is_away_does_not_make_a_worker_dead(ask, worker):
    for need in NEEDS:
        worker.lacks(need)
    worker.draining = True
    assert ask("/livez")[0] == 200
    assert worker.asked == 0


def test_a_loop_that_hangs_makes_the_worker_dead(ask, worker):
    worker.goes("lease", busy_seconds=120.1)
    status, body = ask("/livez", verbose="")
    assert (status, body["parts"]["lease"]["ok"]) == (503, False)
    assert "has lasted 120 s" in body["parts"]["lease"]["summary"]


@pytest.mark.parametrize("away", ["database", "redis"])
def test_a_loop_that_stands_still_while_a_server_is_away_needs_no_restart(ask, worker, away):
    worker.goes("lease", busy_seconds=900.0)
    worker.lacks(away)
    status, body = ask("/livez", verbose="")
    assert status == 200
    assert body["parts"]["lease"]["summary"].endswith(f"while these do not answer: {away}.")


def test_a_loop_that_hangs_is_told_though_it_has_lost_the_lease_by_that(ask, worker):
    worker.goes("lease", busy_seconds=900.0)
    worker.lacks("registered")
    worker.lacks("certificate")
    assert ask("/livez")[0] == 503


def test_a_dead_loop_is_dead_whatever_is_away(ask, worker):
    worker.goes("agent", dead=True)
    worker.goes("lease", busy_seconds=900.0)
    worker.lacks("database")
    status, body = ask("/livez")
    assert (status, body["parts"]["agent"], body["parts"]["lease"]) == (503, "failing", "ok")


def test_a_long_step_within_the_limit_is_alive(ask, worker):
    worker.goes("leadership", busy_seconds=119.0)
    assert ask("/livez")[0] == 200


def test_a_loop_whose_thread_ended_makes_the_worker_dead(ask, worker):
    worker.goes("agent", dead=True)
    status, body = ask("/livez", verbose="")
    assert status == 503
    assert body["parts"]["agent"] == {"ok": False, "summary": "Its thread has ended."}


def test_many_probes_in_a_second_ask_the_database_once(ask, worker):
    for _ in range(20):
        ask("/readyz")
    assert worker.asked == 1


def test_a_drain_shows_at_once_though_readiness_is_kept(ask, worker):
    assert ask("/readyz")[0] == 200
    worker.draining = True
    assert ask("/readyz")[0] == 503


def test_no_part_at_all_is_alive():
    assert probes.answer(probes.Verdict(()), {}).status == 200
