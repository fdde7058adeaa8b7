"""The readings of the Kubernetes API that health needs. What is asked here is what the Role and the
ClusterRole in deploy/k3s/k8s-health grant, and nothing else."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from scheduler_k8s_health import parsing
from scheduler_k8s_health.errors import OutsideCluster
from scheduler_k8s_health.facts import ApiServer, Budget, Listed, Node, Pod
from scheduler_k8s_health.line import Question, line_to_api_server

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
VERSION = Question("/version", "get", "/version")
READYZ = Question("/readyz", "get", "/readyz", query={"verbose": "1"})
NODES = Question("/api/v1/nodes", "list", "nodes")


class KubernetesApi:
    """Each reading takes its time limit in seconds, and raises KubernetesProblem. Safe for
    threads."""

    def __init__(
        self,
        service_account: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """``service_account``: the folder of its files, by default where the kubelet mounts it."""
        folder = service_account or SERVICE_ACCOUNT
        self._credentials = (folder, environ)
        self._namespace_file = folder / "namespace"

    def own_namespace(self) -> str:
        """That of this process's service account. Raises OutsideCluster."""
        try:
            return self._namespace_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise OutsideCluster("its namespace cannot be read") from None

    def server(self, seconds: float) -> ApiServer:
        """Version and readiness. That it is not ready is an answer, not a problem."""
        with line_to_api_server(*self._credentials, seconds) as line:
            version = line.parsed(VERSION, parsing.version)
            readyz = line.ask(READYZ, also_fine=(500,))
        failed = parsing.failed_parts(readyz.body.decode("utf-8", errors="replace"))
        return ApiServer(version, readyz.status == 200, failed)

    def nodes(self, seconds: float) -> Listed[Node]:
        with line_to_api_server(*self._credentials, seconds) as line:
            return line.listed(NODES, "NodeList", parsing.node)

    def pods(self, namespace: str, selector: str, seconds: float) -> Listed[Pod]:
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
        question = Question(path, "list", "pods", namespace, {"labelSelector": selector})
        with line_to_api_server(*self._credentials, seconds) as line:
            return line.listed(question, "PodList", parsing.pod)

    def budgets(self, namespace: str, seconds: float) -> Listed[Budget]:
        path = f"/apis/policy/v1/namespaces/{quote(namespace, safe='')}/poddisruptionbudgets"
        question = Question(path, "list", "poddisruptionbudgets", namespace)
        with line_to_api_server(*self._credentials, seconds) as line:
            return line.listed(question, "PodDisruptionBudgetList", parsing.budget)
