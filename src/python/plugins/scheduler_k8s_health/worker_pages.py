"""/livez and /readyz of a worker."""

from collections.abc import Callable, Sequence

from scheduler.plugin_api.mounts import PageAnswer, PageRequest, WorkerPage
from scheduler.plugin_api.services import WorkerView
from scheduler_k8s_health import probes
from scheduler_k8s_health.remembering import Remembered
from scheduler_k8s_health.settings import KubernetesSettings


def probe_pages(
    worker: WorkerView, settings: Callable[[], KubernetesSettings]
) -> Sequence[WorkerPage]:
    """The two pages; /livez asks no server unless a loop stands still."""
    needs = Remembered(worker.readiness, lambda: probes.READINESS_KEPT_SECONDS)

    def livez(request: PageRequest) -> PageAnswer:
        verdict = probes.livez(worker.loops(), settings().livez_hung_seconds, needs.get)
        return probes.answer(verdict, request.query)

    def readyz(request: PageRequest) -> PageAnswer:
        return probes.answer(probes.readyz(needs.get(), worker.snapshot()), request.query)

    return (WorkerPage("/livez", livez), WorkerPage("/readyz", readyz))
