"""What docs/notifications.md shows is so, in both languages."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from django.core.management import load_command_class
from django.test import override_settings

from scheduler.plugin_api.problems import MethodNotAllowed
from scheduler.plugin_api.settings import specs
from scheduler_notify.channels import send
from scheduler_notify.messages import CHANNELS, Form
from scheduler_notify.rendering import Style, render
from scheduler_notify.routes import GroupField, Limit, Route, parse_routes
from scheduler_notify.settings import NotifySettings
from tests.plugins.notify.builders import HOOK, ID, NOON, message, notice, templates_in

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = ["notifications.md", "notifications.ja.md"]
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

pytestmark = pytest.mark.parametrize("page", PAGES)


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [body for kind, body in BLOCKS.findall(text) if kind == language]


def test_the_routes_of_the_page_are_routes(page):
    payroll, office, nights = parse_routes(blocks(page, "yaml")[0])
    assert payroll.limit == Limit(notices=10, seconds=3600)
    assert office.hours is not None
    assert nights.recoveries is False


def test_the_page_names_every_setting_and_its_default(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for spec in specs(NotifySettings):
        name = spec.key.removeprefix("SCHEDULER_")
        row = next((line for line in text.splitlines() if f"`{name}`" in line), None)
        assert row is not None, f"{name} is not in the table"
        if isinstance(spec.default, int) and not isinstance(spec.default, bool):
            assert str(spec.default) in row, f"{name} has another default"


def test_the_page_names_every_field_of_a_route(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for name in (*Route.model_fields, *CHANNELS, *get_args(GroupField)):
        assert f"`{name}`" in text, name


def test_the_commands_of_the_page_exist_and_take_what_it_shows(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for name in set(re.findall(r"scheduler_notify(?:_test)?(?= |`)", text)):
        load_command_class("scheduler_notify", name)
    parser = load_command_class("scheduler_notify", "scheduler_notify").create_parser("", "")
    assert parser.parse_args(["--requeue"]).requeue
    assert parser.parse_args(["--notice", str(ID)]).notice == ID


def test_the_check_of_the_page_takes_what_is_sent_and_nothing_else(page, web, plugin_settings):
    found: dict[str, Any] = {}
    exec(compile(blocks(page, "python")[0], page, "exec"), found)
    settings = plugin_settings(NOTIFY_WEBHOOK_URL=web.url(HOOK), NOTIFY_WEBHOOK_SECRET=SECRET)
    send("webhook", settings, notice(), datetime.fromtimestamp(time.time(), UTC))
    (got,) = web.asked
    assert found["is_genuine"](got.headers, got.body, SECRET)
    assert not found["is_genuine"](got.headers, got.body + b" ", SECRET)
    old = {**got.headers, "webhook-timestamp": "1000000000"}
    assert not found["is_genuine"](old, got.body, SECRET)


def test_the_template_of_the_page_is_used(page, tmp_path):
    folder = tmp_path / "scheduler_notify" / "en"
    folder.mkdir(parents=True)
    (folder / "run_failed.txt").write_text(blocks(page, "django")[0])
    with override_settings(TEMPLATES=templates_in(tmp_path)):
        made = render(ID, Form.SINGLE, (message(),), NOON, Style("en", "Asia/Tokyo"))
    assert made.title == "[ERROR] nightly failed, call w-1's owner"
    assert "2026-03-02 12:00:00, Asia/Tokyo" in made.text


def test_the_configuration_of_alertmanager_is_whole(page):
    (receiver,) = yaml.safe_load(blocks(page, "yaml")[1])["receivers"]
    (hook,) = receiver["webhook_configs"]
    assert hook["url"].endswith("/api/alertmanager/webhook/")


def test_both_pages_show_the_same_code(page):
    for language in ("yaml", "python", "django"):
        assert blocks(page, language) == blocks(PAGES[0], language)


def test_the_page_names_every_error_of_the_plugin(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    source = DOCS.parent / "src" / "python" / "plugins" / "scheduler_notify"
    codes = {
        code
        for path in source.rglob("*.py")
        for code in re.findall(r'^    code = "([A-Z_]+)"', path.read_text(), re.MULTILINE)
    }
    codes.add(MethodNotAllowed.code)  # The seam's own, which the receiver answers.
    listed = set(re.findall(r"^\| `([A-Z_]+)` \| ", text, re.MULTILINE))
    assert codes == {one for one in listed if not one.startswith(("NOTIFY_", "ALERT_"))}
