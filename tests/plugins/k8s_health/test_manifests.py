"""The manifests in deploy/k3s/k8s-health: valid, least privilege, and what the code needs."""

import copy

import kubernetes_validate
import pytest
import yaml

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.settings import specs
from scheduler_k8s_health.checks import KubernetesChecks
from scheduler_k8s_health.settings import KubernetesSettings
from tests.plugins.k8s_health.kube_server import NAMESPACE
from tests.plugins.k8s_health.manifests import (
    FOLDER,
    ROOT,
    built,
    grants,
    of_kind,
    rules,
    shipped,
)

VERSIONS = ("1.30", "1.33", "1.37")
CONTAINER = {"name": "x", "image": "registry.example/scheduler:1"}


def deployment(component):
    labels = {
        "app.kubernetes.io/part-of": "scheduler",
        "app.kubernetes.io/component": component,
    }
    container = {**CONTAINER, "name": component, "env": [{"name": "KEPT", "value": "1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"my-{component}", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


@pytest.fixture
def overlay(tmp_path):
    """What an operator builds: own Deployments, the RBAC and the component of probes."""
    own = [deployment("worker"), deployment("web"), deployment("other")]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump_all(own))
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "namespace": "jobs",
                "resources": ["own.yaml", _from(tmp_path, "rbac")],
                "components": [_from(tmp_path, "probes")],
            }
        )
    )
    return built(tmp_path)


def _from(folder, part):
    return str((FOLDER / part).relative_to(folder, walk_up=True))


def container_of(manifests, component):
    named = [one for one in manifests if one["metadata"]["name"] == f"my-{component}"]
    (found,) = named[0]["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_are_valid_strictly(overlay, version):
    kinds = {one["kind"] for one in overlay}
    assert {"ServiceAccount", "Role", "ClusterRole", "ClusterRoleBinding", "Deployment"} <= kinds
    for manifest in overlay:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_validation_refuses_what_kubernetes_would(overlay):
    broken = copy.deepcopy(of_kind(overlay, "Role"))
    broken["rules"][0]["verb"] = ["list"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


# ----------------------------------------------------------------------------------- RBAC


def test_the_code_asks_for_nothing_that_the_roles_do_not_grant(api, kube):
    granted = rules(shipped("rbac"))
    kube.allows = lambda asked: any(grants(*one, asked) for one in granted)
    reports = [check.ask() for check in KubernetesChecks(api, KubernetesSettings).all()]
    assert [report.status.value for report in reports] == ["ok"] * 4


def test_the_roles_grant_nothing_that_the_code_does_not_ask_for(api, kube):
    for check in KubernetesChecks(api, KubernetesSettings).all():
        check.ask()
    asked = {(one.group, one.resource or one.path, one.verb) for one in kube.asked}
    granted = {
        (group, thing, verb)
        for _, rule in rules(shipped("rbac"))
        for group in rule.get("apiGroups", [""])
        for thing in (*rule.get("resources", ()), *rule.get("nonResourceURLs", ()))
        for verb in rule["verbs"]
    }
    assert granted == asked


@pytest.mark.parametrize("number", range(4))
def test_each_rule_is_needed(api, kube, number):
    granted = rules(shipped("rbac"))
    assert len(granted) == 4
    del granted[number]
    kube.allows = lambda asked: any(grants(*one, asked) for one in granted)
    reports = [check.ask() for check in KubernetesChecks(api, KubernetesSettings).all()]
    assert "unknown" in [report.status.value for report in reports]


def test_no_rule_has_a_wildcard_or_a_verb_that_changes_anything():
    for _, rule in rules(shipped("rbac")):
        assert set(rule["verbs"]) <= {"get", "list"}
        assert "*" not in str(rule)


def test_pods_and_budgets_are_granted_in_one_namespace_only():
    cluster_wide = [rule for namespace, rule in rules(shipped("rbac")) if not namespace]
    assert {name for rule in cluster_wide for name in rule.get("resources", ())} == {"nodes"}


def test_the_bindings_give_the_roles_to_the_account_in_the_operators_namespace(overlay):
    account = of_kind(overlay, "ServiceAccount")["metadata"]
    assert (account["name"], account["namespace"]) == (NAMESPACE, "jobs")
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        binding = of_kind(overlay, kind)
        (subject,) = binding["subjects"]
        assert (subject["name"], subject["namespace"]) == ("scheduler", "jobs")
        role = of_kind(overlay, binding["roleRef"]["kind"])
        assert role["metadata"]["name"] == binding["roleRef"]["name"]


# --------------------------------------------------------------------------------- probes


@pytest.mark.parametrize(("component", "port"), [("worker", "worker-http"), ("web", "http")])
def test_each_deployment_gets_its_three_probes(overlay, component, port):
    found = container_of(overlay, component)
    paths = {name: found[name]["httpGet"]["path"] for name in found if name.endswith("Probe")}
    assert paths == {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    assert port in [one["name"] for one in found["ports"]]
    assert {found[name]["httpGet"]["port"] for name in paths} == {port}


def test_other_deployments_and_what_the_operator_wrote_are_left_alone(overlay):
    assert "livenessProbe" not in container_of(overlay, "other")
    for component in ("worker", "web"):
        found = container_of(overlay, component)
        assert found["image"] == CONTAINER["image"]
        assert {"name": "KEPT", "value": "1"} in found["env"]


@pytest.mark.parametrize("component", ["worker", "web"])
def test_only_these_pods_get_the_token(overlay, component):
    assert of_kind(overlay, "ServiceAccount")["automountServiceAccountToken"] is False
    named = [one for one in overlay if one["metadata"]["name"] == f"my-{component}"]
    spec = named[0]["spec"]["template"]["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("scheduler", True)


@pytest.mark.parametrize("component", ["worker", "web"])
def test_services_put_no_variables_into_these_pods(overlay, component):
    named = [one for one in overlay if one["metadata"]["name"] == f"my-{component}"]
    assert named[0]["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_a_liveness_probe_waits_as_long_as_livez_may_take(overlay):
    for component in ("worker", "web"):
        probe = container_of(overlay, component)["livenessProbe"]
        assert probe["timeoutSeconds"] >= 10
        assert probe["failureThreshold"] >= 3


def test_the_variables_are_settings_and_the_pods_address_comes_first(overlay):
    names = [one["name"] for one in container_of(overlay, "worker")["env"]]
    ours = [name for name in names if name.startswith("SCHEDULER_")]
    known = {spec.key for spec in specs(CoreSettings, KubernetesSettings)}
    assert ours
    assert set(ours) <= known
    assert names.index("POD_IP") < names.index("SCHEDULER_WORKER_HTTP_HOST")


def test_the_port_of_the_probes_is_the_port_that_is_set(overlay):
    found = container_of(overlay, "worker")
    env = {one["name"]: one.get("value") for one in found["env"]}
    assert env["SCHEDULER_WORKER_HTTP_PORT"] == str(found["ports"][0]["containerPort"])


def test_the_error_of_a_denied_list_names_a_folder_that_exists():
    from scheduler_k8s_health.errors import RBAC

    assert (ROOT / RBAC / "kustomization.yaml").exists()
