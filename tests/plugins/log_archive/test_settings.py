"""The plugin's settings: names, bounds, sentences."""

import pytest

from scheduler.domain.errors import InvalidSetting
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.reserved import SHIPPED_PLUGIN_NAMES
from scheduler.plugin_api.resolution import SettingsConflict, resolve
from scheduler.plugin_api.settings import specs
from scheduler_log_archive.plugin import LogArchivePlugin
from scheduler_log_archive.settings import LogArchiveSettings

KEYS = {
    "SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID": "name",
    "SCHEDULER_LOG_ARCHIVE_SECRET_ACCESS_KEY": "very-secret",
}


def of(**environ):
    named = {f"SCHEDULER_LOG_ARCHIVE_{name.upper()}": value for name, value in environ.items()}
    return resolve(LogArchiveSettings, rows={}, environ=named).settings


def test_the_names_that_are_promised_are_there():
    assert set(SHIPPED_PLUGIN_NAMES["log_archive"]) <= {
        spec.key for spec in specs(LogArchiveSettings)
    }


def test_by_default_it_is_switched_off():
    assert not of().log_archive_enabled


def test_addresses_lose_the_slash_at_their_end():
    assert of(s3_endpoint_url="http://127.0.0.1:9000/").log_archive_s3_endpoint_url == (
        "http://127.0.0.1:9000"
    )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:9000",
        "ftp://host",
        "file:///etc/passwd",
        "http://",
        "http://u:pw@host/",
        "https://host/?a=b",
    ],
)
def test_what_is_no_plain_web_address_is_refused_without_being_shown(address):
    with pytest.raises(InvalidSetting) as refused:
        of(s3_endpoint_url=address)
    assert "SCHEDULER_LOG_ARCHIVE_S3_ENDPOINT_URL" in str(refused.value)
    assert "pw@" not in str(refused.value)


@pytest.mark.parametrize(("given", "kept"), [("", ""), ("/a/b/", "a/b"), ("a", "a")])
def test_a_prefix_is_kept_without_slashes_around_it(given, kept):
    assert of(prefix=given).log_archive_prefix == kept


@pytest.mark.parametrize("prefix", ["a//b", "../a", "a/./b"])
def test_a_prefix_that_would_leave_its_place_is_refused(prefix):
    with pytest.raises(InvalidSetting):
        of(prefix=prefix)


def test_one_half_of_a_key_is_refused():
    with pytest.raises(SettingsConflict, match="set both, or neither"):
        of(access_key_id="name")


def test_the_path_style_follows_the_endpoint_unless_said():
    assert not of().path_style
    assert of(s3_endpoint_url="http://127.0.0.1:9000").path_style
    assert not of(s3_endpoint_url="http://127.0.0.1:9000", path_style="off").path_style
    assert of(path_style="on").path_style


def test_the_plugin_has_the_shape_that_the_host_asks_for_and_shows_no_secret(monkeypatch):
    host = PluginHost.load(["log_archive"], {"log_archive": lambda: LogArchivePlugin})
    host.configure(rows={}, environ=KEYS)
    assert host.failures == ()
    plugin = next(one for one in host.plugins if one.name == "log_archive")
    assert "very-secret" not in repr(plugin.settings)
    assert plugin.settings.log_archive_secret_access_key.get_secret_value() == "very-secret"


def test_a_change_of_settings_is_a_new_bucket_and_switching_off_is_none():
    plugin = LogArchivePlugin()
    plugin.settings = of(enabled="1", bucket="one")
    first = plugin.bucket()
    assert first is plugin.bucket()
    plugin.settings = of(enabled="1", bucket="two")
    second = plugin.bucket()
    assert second is not None and second is not first and second.name == "two"
    plugin.settings = of()
    assert plugin.bucket() is None
