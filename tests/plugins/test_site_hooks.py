"""What plugins bring to the Django project: apps, addresses, and refusals in one sentence."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.urls import path

from scheduler.domain.errors import PluginProblem
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.mounts import UrlMount
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.site import listed_plugins, plugin_apps, plugin_urls
from tests.plugins.builders import broken, failed_hooks, host_of, plugin


class Pages(Plugin):
    name = "pages"

    @hookimpl
    def scheduler_django_apps(self):
        return ["django.contrib.humanize"]

    @hookimpl
    def scheduler_url_mounts(self):
        return [UrlMount("pages/", "tests_some_urls")]


class MorePages(Pages):
    name = "more_pages"


class BrokenPages(Plugin):
    name = "broken_pages"

    @hookimpl
    def scheduler_url_mounts(self):
        return [UrlMount("broken/", "no.such.module")]


HERE = __name__


@pytest.fixture(autouse=True)
def urlconf(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("tests_some_urls")
    module.urlpatterns = [path("hello", lambda request: HttpResponse("hi"))]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests_some_urls", module)
    # Plugins are named by their dotted path; pytest does not import this file by its own.
    monkeypatch.setitem(sys.modules, "tests_some_plugins", sys.modules[HERE])


def listing(*names: str) -> dict[str, str]:
    return {"SCHEDULER_PLUGINS": ",".join(f"tests_some_plugins.{name}" for name in names)}


def test_hook_scheduler_django_apps():
    assert host_of(Pages).django_apps() == ("django.contrib.humanize",)
    assert plugin_apps(listing("Pages")) == ["django.contrib.humanize"]
    assert plugin_apps({}) == []


def test_hook_scheduler_url_mounts():
    assert host_of(Pages).url_mounts() == (("pages", UrlMount("pages/", "tests_some_urls")),)
    (resolver,) = plugin_urls(listing("Pages"))
    found = resolver.resolve("pages/hello")
    assert found.func(None).content == b"hi"
    assert plugin_urls({}) == []


def test_two_plugins_that_want_one_app_or_one_prefix_stop_the_start_with_a_sentence():
    with pytest.raises(
        PluginProblem, match=r"brings the Django app 'django.contrib.humanize', as plugin"
    ):
        host_of(Pages, MorePages).django_apps()
    with pytest.raises(PluginProblem, match=r"brings the URL prefix 'pages/', as plugin 'pages'"):
        host_of(Pages, MorePages).url_mounts()
    with pytest.raises(ImproperlyConfigured, match="take one of the two out"):
        plugin_apps(listing("Pages", "MorePages"))
    with pytest.raises(ImproperlyConfigured, match="take one of the two out"):
        plugin_urls(listing("Pages", "MorePages"))


@pytest.mark.parametrize("app", ["no_such_app", "django.no_such", "json.no.Such", "7", "a b"])
def test_an_app_that_is_not_there_is_a_sentence_instead_of_djangos_traceback(app):
    host = host_of(plugin("bad", django_apps=lambda self: [app]))
    with pytest.raises(PluginProblem) as refused:
        host.django_apps()
    assert str(refused.value) == (
        f"Plugin 'bad' brings the Django app {app!r}, which is not there; "
        "correct the name, or install what has it."
    )


def test_an_app_may_be_named_by_its_class():
    app = "django.contrib.humanize.apps.HumanizeConfig"
    assert host_of(plugin("good", django_apps=lambda self: [app])).django_apps() == (app,)


def test_the_empty_prefix_is_shared():
    def mounts(self):
        return [UrlMount("", "tests_some_urls")]

    host = host_of(plugin("one", url_mounts=mounts), plugin("two", url_mounts=mounts))
    assert [owner for owner, _ in host.url_mounts()] == ["one", "two"]


def test_a_plugin_that_is_not_installed_is_a_sentence_at_settings_time():
    with pytest.raises(ImproperlyConfigured, match="Plugin 'nonsense' is not installed"):
        plugin_apps({"SCHEDULER_PLUGINS": "nonsense"})


def test_other_bad_settings_are_not_the_business_of_the_list():
    environ = {"SCHEDULER_PLUGINS": "a,b", "SCHEDULER_MAX_JOBS_PER_WORKER": "many"}
    assert listed_plugins(environ) == ["a", "b"]


def test_a_plugin_whose_addresses_cannot_be_imported_takes_only_those_away():
    patterns = plugin_urls(listing("BrokenPages", "Pages"))
    assert [str(one.pattern) for one in patterns] == ["pages/"]


class LeavingModule(ModuleType):
    def __getattr__(self, name: str) -> object:
        raise SystemExit(f"no {name}")


@pytest.mark.parametrize(
    "module", [ModuleType("x"), LeavingModule("x"), SimpleNamespace(urlpatterns=["no address"])]
)
def test_a_module_without_addresses_is_left_out_and_breaks_no_search_for_a_name(
    monkeypatch: pytest.MonkeyPatch, module: object
):
    monkeypatch.setitem(sys.modules, "no.such.module", module)
    patterns = plugin_urls(listing("BrokenPages", "Pages"))
    assert [str(one.pattern) for one in patterns] == ["pages/"]


@pytest.mark.parametrize("hook", ["django_apps", "url_mounts"])
@pytest.mark.parametrize("answer", [broken, lambda self: 7, lambda self: [None]])
def test_a_hook_that_breaks_or_answers_nonsense_harms_no_other(hook, answer):
    bad = plugin("bad", **{hook: answer})
    host = host_of(bad, Pages)
    assert len(getattr(host, hook)()) == 1
    assert failed_hooks(host) == [("bad", f"scheduler_{hook}", 1)]


@pytest.mark.parametrize("prefix", ["pages", "/pages/", "../", "a b/", "<int:x>/", "/"])
def test_a_prefix_that_is_none_is_refused(prefix):
    bad = plugin("bad", url_mounts=lambda self: [UrlMount(prefix, "tests_some_urls")])
    host = host_of(bad)
    assert host.url_mounts() == ()
    assert failed_hooks(host) == [("bad", "scheduler_url_mounts", 1)]
