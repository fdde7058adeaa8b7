"""Plugins in the site's own process: its apps and addresses, and bad ones, each one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PLUGINS = """
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.mounts import UrlMount
from scheduler.plugin_api.plugin import Plugin


class Pages(Plugin):
    name = "pages"

    @hookimpl
    def scheduler_django_apps(self):
        return ["pages_app"]

    @hookimpl
    def scheduler_url_mounts(self):
        return [UrlMount("pages/", "pages_app.urls")]


class MorePages(Plugin):
    name = "more_pages"

    @hookimpl
    def scheduler_url_mounts(self):
        return [UrlMount("pages/", "pages_app.urls")]


class Stuck(Plugin):
    name = "stuck"

    @hookimpl
    def scheduler_django_apps(self):
        from django.conf import settings

        return [settings.STATIC_URL]
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("hello", lambda request: HttpResponse("hello"))]
"""
LOOK = """
from django.conf import settings
from django.urls import resolve
print("pages_app" in settings.INSTALLED_APPS, resolve("/pages/hello").func(None).content)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site_plugins.py").write_text(PLUGINS)
    (tmp_path / "pages_app").mkdir()
    (tmp_path / "pages_app" / "__init__.py").touch()
    (tmp_path / "pages_app" / "urls.py").write_text(URLS)
    return tmp_path


def manage(folder: Path, plugins: str, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "src/python"), *sys.path[1:]]),
        "SCHEDULER_PLUGINS": plugins,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "DJANGO_SECRET_KEY": "x" * 50,
        "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
    }
    return subprocess.run(
        [sys.executable, "-m", "scheduler_site.manage", *command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_apps_and_addresses_of_an_enabled_plugin_are_in_the_site(folder: Path):
    done = manage(folder, "site_plugins.Pages", "shell", "-v", "0", "-c", LOOK)
    assert done.stdout.strip() == "True b'hello'", done.stderr
    assert "plugin_failed" not in done.stderr


@pytest.mark.parametrize("command", [["check"], ["migrate"], ["scheduler_worker"]])
@pytest.mark.parametrize(
    ("plugins", "sentence"),
    [
        ("nonsense", "Plugin 'nonsense' is not installed"),
        ("site_plugins.Missing", "Plugin 'site_plugins.Missing' cannot be imported"),
    ],
)
def test_a_bad_list_is_one_sentence_whatever_is_started(folder, command, plugins, sentence):
    done = manage(folder, plugins, *command)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_two_plugins_that_want_one_prefix_are_one_sentence(folder: Path):
    done = manage(folder, "site_plugins.Pages,site_plugins.MorePages", "check")
    assert done.returncode != 0
    assert "brings the URL prefix 'pages/', as plugin 'pages' does" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_that_asks_for_settings_too_early_is_left_out_and_named(folder: Path):
    done = manage(folder, "site_plugins.Stuck,site_plugins.Pages", "shell", "-v", "0", "-c", LOOK)
    assert done.stdout.strip() == "True b'hello'", done.stderr
    assert "plugin=stuck" in done.stderr
