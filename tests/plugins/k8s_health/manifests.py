"""The shipped manifests, read and built as an operator would build them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plugins.k8s_health.kube_server import Asked

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "k3s" / "k8s-health"

type Manifest = dict[str, Any]


def shipped(part: str) -> list[Manifest]:
    """Every manifest of one folder, as it stands in its files."""
    files = sorted((FOLDER / part).glob("*.yaml"))
    return [one for path in files for one in yaml.safe_load_all(path.read_text()) if one]


def built(folder: Path) -> list[Manifest]:
    """What ``kubectl kustomize`` makes of a folder."""
    if shutil.which("kubectl") is None:
        pytest.fail("kubectl 1.21 or later is needed here; https://kubernetes.io/docs/tasks/tools/")
    command = ["kubectl", "kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(manifests: list[Manifest], kind: str) -> Manifest:
    (found,) = [one for one in manifests if one["kind"] == kind]
    return found


def rules(manifests: list[Manifest]) -> list[tuple[str, Manifest]]:
    """Each rule, with the namespace that it is good for (empty: all)."""
    return [
        (role["metadata"].get("namespace", ""), rule)
        for role in manifests
        if role["kind"] in ("Role", "ClusterRole")
        for rule in role["rules"]
    ]


def grants(namespace: str, rule: Manifest, asked: Asked) -> bool:
    """As the API server's RBAC authorizer judges one rule."""
    if asked.verb not in rule["verbs"]:
        return False
    if not asked.resource:
        return asked.path in rule.get("nonResourceURLs", ())
    here = namespace in ("", asked.namespace)
    groups, resources = rule.get("apiGroups", ()), rule.get("resources", ())
    return here and asked.group in groups and asked.resource in resources
