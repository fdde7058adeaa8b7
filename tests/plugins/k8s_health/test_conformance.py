"""The plugin keeps what every plugin keeps, and its names are known where it is not switched on."""

from scheduler.plugin_api.reserved import SHIPPED_PLUGIN_NAMES
from scheduler.plugin_api.settings import specs
from scheduler.testing.plugin_conformance import PluginConformance
from scheduler_k8s_health.plugin import KubernetesHealthPlugin
from scheduler_k8s_health.settings import KubernetesSettings


class TestConformance(PluginConformance):
    plugin = KubernetesHealthPlugin


class TestConformanceInKubernetes(PluginConformance):
    plugin = KubernetesHealthPlugin
    environ = {"SCHEDULER_DEPLOYMENT": "k8s"}


def test_the_names_of_its_settings_are_reserved():
    names = tuple(spec.key for spec in specs(KubernetesSettings))
    assert SHIPPED_PLUGIN_NAMES["k8s_health"] == names
