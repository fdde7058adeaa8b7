"""The official client against a server that answers as Kubernetes does, well or ill."""

import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
import trustme

from scheduler_k8s_health import line
from scheduler_k8s_health.client import KubernetesApi
from scheduler_k8s_health.errors import (
    AccessDenied,
    BadSelector,
    CertificateRefused,
    DidNotAnswerInTime,
    MalformedAnswer,
    NotServed,
    OutsideCluster,
    ServerFailed,
    TokenRefused,
    Unreachable,
)
from tests.plugins.k8s_health import bodies
from tests.plugins.k8s_health.kube_server import (
    BUDGETS,
    NAMESPACE,
    NODES,
    PODS,
    TOKEN,
    pod_environment,
    serving,
    write_service_account,
)

SECONDS = 5.0
OURS = "app.kubernetes.io/part-of=scheduler"
BROKEN_JSON = (200, "application/json", b'{"kind": "NodeList", "items": [')


def test_outside_a_cluster_it_says_what_is_missing_and_what_to_do(service_account):
    with pytest.raises(OutsideCluster, match=r"host/port is not set.*DEPLOYMENT=local") as e:
        KubernetesApi(service_account, {}).nodes(SECONDS)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("name", ["token", "ca.crt"])
def test_a_service_account_that_is_not_mounted_is_told(api, service_account, name):
    (service_account / name).unlink()
    with pytest.raises(OutsideCluster, match="automountServiceAccountToken"):
        api.nodes(SECONDS)


@pytest.mark.parametrize("token", ["", " \n", "s3cret\nX-Evil: 1", "s3cr\0t", "s3cr…t", "s3 cret"])
def test_what_is_no_token_is_never_sent_and_never_quoted(api, kube, service_account, token):
    (service_account / "token").write_text(token, encoding="utf-8")
    with pytest.raises(OutsideCluster) as caught:
        api.nodes(SECONDS)
    assert "s3" not in str(caught.value)
    assert kube.asked == []


def test_a_namespace_that_cannot_be_read_is_told(api, service_account):
    (service_account / "namespace").unlink()
    with pytest.raises(OutsideCluster, match="namespace cannot be read"):
        api.own_namespace()


def test_a_refused_token_is_told_without_the_token(api, kube):
    kube.tokens = {"another"}
    with pytest.raises(TokenRefused, match="401") as caught:
        api.server(SECONDS)
    assert TOKEN not in str(caught.value)


def test_a_rotated_token_is_used_from_the_next_reading_on(api, kube, service_account):
    api.nodes(SECONDS)
    kube.tokens = {"the-second"}
    with pytest.raises(TokenRefused):
        api.nodes(SECONDS)
    (service_account / "token").write_text("the-second\n")
    assert len(api.nodes(SECONDS).items) == 2
    assert [one.token for one in kube.asked] == [TOKEN, TOKEN, "the-second"]


def test_a_denied_list_names_verb_resource_and_namespace(api, kube):
    kube.allows = lambda asked: asked.resource != "pods"
    with pytest.raises(AccessDenied, match=f"list pods in namespace {NAMESPACE}") as caught:
        api.pods(NAMESPACE, OURS, SECONDS)
    assert (caught.value.verb, caught.value.what) == ("list", "pods")


def test_a_path_that_is_not_served_is_told(api, kube):
    kube.fails(BUDGETS, 404)
    with pytest.raises(NotServed, match="poddisruptionbudgets"):
        api.budgets(NAMESPACE, SECONDS)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failing_server_is_asked_once_and_told(api, kube, status):
    kube.fails(NODES, status, "InternalError", "etcdserver: request timed out")
    with pytest.raises(ServerFailed, match=f"status {status}"):
        api.nodes(SECONDS)
    assert len(kube.asked) == 1


def test_a_selector_that_is_none_names_its_setting(api, kube):
    kube.fails(PODS, 400, "BadRequest", "unable to parse requirement")
    with pytest.raises(BadSelector, match="SCHEDULER_K8S_POD_SELECTOR"):
        api.pods(NAMESPACE, "a=b=c", SECONDS)


def test_a_redirect_is_not_followed(api, kube):
    kube.replies[NODES] = (302, "text/plain", f"https://127.0.0.1:{kube.port}/version".encode())
    with pytest.raises(MalformedAnswer, match="status 302"):
        api.nodes(SECONDS)
    assert len(kube.asked) == 1


@pytest.mark.parametrize("path", [NODES, "/version"])
def test_a_server_that_hangs_costs_the_time_limit_and_no_more(api, kube, path):
    kube.hung = {path}
    began = monotonic()
    with pytest.raises(DidNotAnswerInTime, match=r"within 0\.3 s"):
        api.nodes(0.3) if path == NODES else api.server(0.3)
    assert monotonic() - began < 1.5
    assert len(kube.asked) == 1


def test_an_answer_that_drips_is_cut_off_at_the_time_limit(api, kube):
    kube.dripping = {NODES}
    began = monotonic()
    with pytest.raises(DidNotAnswerInTime):
        api.nodes(0.5)
    assert monotonic() - began < 2


def test_an_answer_that_begins_late_and_stops_costs_the_time_limit_once(api, kube):
    kube.stopping = {NODES}
    began = monotonic()
    with pytest.raises(DidNotAnswerInTime):
        api.nodes(1.0)
    assert monotonic() - began < 1.5


def test_a_server_that_takes_no_connection_is_told(service_account):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        Unreachable, match=rf"127\.0\.0\.1:{port} cannot be reached \(connection ref"
    ):
        KubernetesApi(service_account, pod_environment(port)).nodes(SECONDS)


def test_a_name_without_an_address_is_told(service_account):
    environ = {"KUBERNETES_SERVICE_HOST": "kubernetes.invalid", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(Unreachable, match="its name has no address"):
        KubernetesApi(service_account, environ).nodes(SECONDS)


def test_a_server_of_another_authority_never_sees_the_token(service_account):
    with (
        serving(trustme.CA().issue_cert("127.0.0.1")) as stranger,
        pytest.raises(CertificateRefused, match="cannot be verified"),
    ):
        KubernetesApi(service_account, pod_environment(stranger.port)).nodes(SECONDS)
    assert stranger.asked == []


def test_a_certificate_of_another_name_is_refused(authority, service_account):
    with (
        serving(authority.issue_cert("other.example")) as stranger,
        pytest.raises(CertificateRefused, match="TLS with the API server"),
    ):
        KubernetesApi(service_account, pod_environment(stranger.port)).nodes(SECONDS)


def test_an_expired_certificate_is_told(authority, service_account):
    past = datetime.now(UTC) - timedelta(days=1)
    with (
        serving(authority.issue_cert("127.0.0.1", not_after=past)) as old,
        pytest.raises(CertificateRefused, match="certificate has expired"),
    ):
        KubernetesApi(service_account, pod_environment(old.port)).nodes(SECONDS)


def test_an_authority_that_is_no_pem_is_told(api, service_account):
    (service_account / "ca.crt").write_text("not a certificate")
    with pytest.raises(CertificateRefused):
        api.nodes(SECONDS)


def test_a_renewed_authority_is_used_from_the_next_reading_on(service_account):
    renewed = trustme.CA()
    with serving(renewed.issue_cert("127.0.0.1")) as kube:
        api = KubernetesApi(service_account, pod_environment(kube.port))
        with pytest.raises(CertificateRefused):
            api.nodes(SECONDS)
        write_service_account(service_account, renewed)
        assert len(api.nodes(SECONDS).items) == 2


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (BROKEN_JSON, "no JSON"),
        ((200, "application/json", b"\xff\xfe\x00"), "no JSON"),
        ((200, "text/html", b"<html>log in</html>"), "no JSON"),
        ((200, "application/json", b"[]"), "no JSON object"),
        ((200, "application/json", b"[" * 100_000), "no JSON"),
        ((200, "application/json", b'{"kind": "PodList", "items": []}'), "NodeList was expected"),
        ((200, "application/json", b'{"kind": "NodeList", "items": {}}'), "items is no list"),
        ((200, "application/json", b'{"kind": "NodeList", "items": [1]}'), "items is no list"),
        ((200, "application/json", b'{"kind": "NodeList", "items": [{}]}'), "has no name"),
        ((204, "application/json", b""), "status 204"),
    ],
)
def test_what_is_no_answer_of_kubernetes_is_told(api, kube, reply, why):
    kube.replies[NODES] = reply
    with pytest.raises(MalformedAnswer, match=why):
        api.nodes(SECONDS)


def test_a_longer_answer_than_is_read_is_told(api, kube, monkeypatch):
    monkeypatch.setattr(line, "MOST_BYTES", 100_000)
    kube.replies[NODES] = (200, "application/json", b" " * 300_000)
    with pytest.raises(MalformedAnswer, match="longer than"):
        api.nodes(SECONDS)


def test_a_proxy_of_the_environment_is_not_used(api, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert len(api.nodes(SECONDS).items) == 2


def test_version_and_readiness_are_read(api):
    server = api.server(SECONDS)
    assert (server.version, server.ready, server.failed_parts) == ("v1.33.4+k3s1", True, ())


def test_an_api_server_that_is_not_ready_names_what_failed(api, kube):
    kube.readyz = (500, bodies.NOT_READY)
    server = api.server(SECONDS)
    assert not server.ready
    assert server.failed_parts == ("etcd", "poststarthook/rbac/bootstrap-roles")


def test_a_long_list_is_read_in_pages(api, kube):
    kube.lists[NODES] = [bodies.node(f"node-{n}") for n in range(600)]
    nodes = api.nodes(SECONDS)
    assert [node.name for node in nodes.items] == [f"node-{n}" for n in range(600)]
    assert nodes.whole
    assert [one.query["limit"] for one in kube.asked] == ["250"] * 3
    assert ["continue" in one.query for one in kube.asked] == [False, True, True]


def test_an_endless_list_is_cut_and_says_so(api, kube, monkeypatch):
    monkeypatch.setattr(line, "PAGE_ITEMS", 2)
    kube.lists[NODES] = [bodies.node(f"node-{n}") for n in range(50)]
    nodes = api.nodes(SECONDS)
    assert len(nodes.items) == 2 * line.MOST_PAGES
    assert not nodes.whole


def test_only_pods_with_our_labels_are_read(api, kube):
    kube.lists[PODS].append(bodies.pod("stranger", labels={}))
    pods = api.pods(NAMESPACE, OURS, SECONDS)
    assert [pod.name for pod in pods.items] == ["worker-1", "worker-2", "worker-3"]
    assert kube.asked[0].query["labelSelector"] == OURS


def test_a_namespace_cannot_leave_its_place_in_the_path(api, kube):
    with pytest.raises(NotServed):
        api.pods("../../nodes?x=", OURS, SECONDS)
    assert kube.asked[0].path.endswith("/pods")
