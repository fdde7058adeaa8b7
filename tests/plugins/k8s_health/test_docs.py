"""docs/kubernetes-health.md and its Japanese twin say what the code does."""

import json
import re

import pytest
import yaml

from scheduler.plugin_api.mounts import PageRequest
from scheduler.plugin_api.settings import specs
from scheduler.plugin_api.wording import number_text
from scheduler.testing.worker_view import FakeWorkerView
from scheduler_k8s_health import errors, line
from scheduler_k8s_health.checks import KubernetesChecks
from scheduler_k8s_health.settings import KubernetesSettings
from scheduler_k8s_health.worker_pages import probe_pages
from tests.plugins.k8s_health.manifests import FOLDER, ROOT, built, of_kind, shipped

PAGES = ["kubernetes-health.md", "kubernetes-health.ja.md"]
pytestmark = pytest.mark.parametrize("page", PAGES)


def text(page):
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def block(page, language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
    return found


def rows(page):
    """The tables' rows by their first cell, without its backquotes."""
    lines = re.findall(r"^\| (.+?) \|$", text(page), re.MULTILINE)
    cells = [row.split(" | ") for row in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_overlay_of_the_page_can_be_built(page, tmp_path):
    overlay = yaml.safe_load(block(page, "yaml"))
    (tmp_path / "own.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}})
    )
    (tmp_path / "deploy" / "k3s").mkdir(parents=True)
    (tmp_path / "deploy" / "k3s" / FOLDER.name).symlink_to(FOLDER)
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    found = built(tmp_path)
    assert of_kind(found, "Role")["metadata"]["namespace"] == "jobs"
    assert of_kind(found, "ConfigMap")["metadata"]["namespace"] == "jobs"


def test_the_answer_of_the_page_is_the_answer_that_comes(page):
    worker = FakeWorkerView()
    worker.lacks("redis")
    pages = {one.path: one for one in probe_pages(worker, KubernetesSettings)}
    answer = pages["/readyz"].answer(PageRequest("/readyz", {}, {}))
    assert answer.status == 503
    assert answer.body.decode() == json.dumps(json.loads(block(page, "json")))


def test_every_setting_stands_there_with_default_and_bounds(page):
    found = rows(page)
    for spec in specs(KubernetesSettings):
        default, bounds, _ = found[spec.key]
        if spec.minimum is None:
            assert default.strip("`") in (spec.default, "empty", "空")
        else:
            numbers = re.findall(r"[\d.]+", bounds)
            assert default == number_text(spec.default)
            assert numbers == [number_text(spec.minimum), number_text(spec.maximum)]


def test_every_error_stands_there_and_no_other(page):
    codes = {one.code for one in errors.KubernetesProblem.__subclasses__()}
    assert {key for key in rows(page) if key.startswith("KUBERNETES_")} == codes


def test_every_check_stands_there(page, api):
    names = {check.name for check in KubernetesChecks(api, KubernetesSettings).all()}
    assert {key for key in rows(page) if key.startswith("kubernetes_")} == names


def test_every_part_of_the_probes_stands_there(page):
    livez, readyz = rows(page)["worker"]
    for need in ("database", "redis", "certificate", "registered", "accepts_runs"):
        assert f"`{need}`" in readyz
    for loop in ("lease", "agent", "leadership", "beats", "pings"):
        assert f"`{loop}`" in livez


def test_the_limits_of_lists_and_answers_stand_there(page):
    assert str(line.PAGE_ITEMS) in text(page)
    assert str(line.PAGE_ITEMS * line.MOST_PAGES) in text(page)
    assert f"{line.MOST_BYTES // 1024**2} MiB" in text(page)


def test_every_right_stands_there(page):
    found = rows(page)
    for role in shipped("rbac"):
        if role["kind"] not in ("Role", "ClusterRole"):
            continue
        (told,) = [rest[0] for key, rest in found.items() if key.startswith(f"{role['kind']} `")]
        for rule in role["rules"]:
            for thing in (*rule.get("resources", ()), *rule.get("nonResourceURLs", ())):
                assert thing in told
