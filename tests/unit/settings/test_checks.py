"""``manage.py check`` tells what is wrong before anything is started."""

import subprocess
import sys

import pytest
from django.apps import apps
from django.conf import settings
from django.utils import translation

from scheduler.checks import database_is_supported, problems_of, settings_are_valid


def test_an_environment_without_fault_has_nothing_told():
    assert problems_of({"SCHEDULER_DEPLOYMENT": "k8s"}) == []


@pytest.mark.parametrize(
    ("environ", "part"),
    [
        ({"SCHEDULER_LEADER_PING_BATCH_SIZE": "0"}, "from 1 to 1000"),
        ({"SCHEDULER_LEADER_STALE_SECONDS": "11"}, "SCHEDULER_LEADER_TRUST_SECONDS"),
        ({"SCHEDULER_PLUGINS": "no_such_plugin"}, "'no_such_plugin' is not installed"),
    ],
)
def test_a_bad_setting_is_an_error(environ, part):
    (message,) = problems_of(environ)
    assert message.is_serious()
    assert message.id == "scheduler.E001"
    assert part in message.msg


def test_an_unknown_variable_is_a_warning():
    (message,) = problems_of({"SCHEDULER_REDIS_URI": "x"})
    assert not message.is_serious()
    assert "SCHEDULER_REDIS_URL" in message.msg


def test_the_check_reads_the_environment_of_the_process(monkeypatch):
    monkeypatch.setenv("SCHEDULER_DEPLOYMENT", "moon")
    assert [message.id for message in settings_are_valid()] == ["scheduler.E001"]


@pytest.mark.parametrize(
    ("engine", "ids"),
    [
        ("django.db.backends.postgresql", []),
        ("django.db.backends.sqlite3", []),
        ("django.db.backends.mysql", ["scheduler.E002"]),
        ("", ["scheduler.E002"]),
    ],
)
def test_an_unsupported_database_is_an_error(monkeypatch, engine, ids):
    monkeypatch.setattr(settings, "DATABASES", {"default": {"ENGINE": engine}})
    assert [message.id for message in database_is_supported()] == ids


def test_manage_py_check_runs_them():
    manage = [sys.executable, "-m", "django", "check"]
    environment = {
        "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
        "DJANGO_SECRET_KEY": "for-this-test",
        "DATABASE_URL": "sqlite://:memory:",
        "PYTHONPATH": ":".join(part for part in sys.path if part),
        "SCHEDULER_MAX_JOBS_PER_WORKER": "none",
    }
    done = subprocess.run(manage, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Setting SCHEDULER_MAX_JOBS_PER_WORKER is 'none'" in done.stderr


def test_the_app_is_named_in_both_languages():
    config = apps.get_app_config("scheduler")
    with translation.override("en"):
        assert str(config.verbose_name) == "Scheduler"
    with translation.override("ja"):
        assert str(config.verbose_name) == "ジョブスケジューラ"
