"""A pod in a cluster: its service account, and the API server that it may ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from scheduler_k8s_health.client import KubernetesApi
from tests.plugins.k8s_health.kube_server import (
    KubeServer,
    pod_environment,
    serving,
    write_service_account,
)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The CA of the cluster."""
    return trustme.CA()


@pytest.fixture
def kube(authority: trustme.CA) -> Iterator[KubeServer]:
    with serving(authority.issue_cert("127.0.0.1")) as server:
        yield server


@pytest.fixture
def service_account(tmp_path: Path, authority: trustme.CA) -> Path:
    folder = tmp_path / "serviceaccount"
    write_service_account(folder, authority)
    return folder


@pytest.fixture
def api(kube: KubeServer, service_account: Path) -> KubernetesApi:
    return KubernetesApi(service_account, pod_environment(kube.port))
