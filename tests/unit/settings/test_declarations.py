"""Every setting of the core is declared in full, and each needed name is there."""

import re

import pytest
from pydantic import SecretStr, ValidationError

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.reserved import KNOWN_NAMES
from scheduler.plugin_api.settings import SettingsModel, SettingSpec, setting, specs
from scheduler.plugin_api.wording import expected

SPECS = specs(CoreSettings)
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")

CONTRACT = [
    "DEPLOYMENT",
    "PROMETHEUS_URL",
    "ALERTMANAGER_URL",
    "SKIP_LATE_RUNS_AFTER_SECONDS",
    "LEADER_PING_BATCH_SIZE",
    "ASSIGN_AHEAD_SECONDS",
    "REASSIGN_ASSIGNED_AFTER_SECONDS",
    "CONTINUATION_CONFIRM_SECONDS",
    "MAX_JOBS_PER_WORKER",
    "LOG_RETENTION_DAYS_DB",
    "LOG_ARCHIVE_ENABLED",
    "LOG_ARCHIVE_S3_ENDPOINT_URL",
    "LOG_ARCHIVE_S3_REGION",
    "LOG_ARCHIVE_BUCKET",
    "LOG_ARCHIVE_PREFIX",
    "LOG_ARCHIVE_PUBLIC_BASE_URL",
    "LOG_ARCHIVE_ACCESS_KEY_ID",
    "LOG_ARCHIVE_SECRET_ACCESS_KEY",
    "LOG_LOCAL_DELETE_AFTER_UPLOAD",
    "LOG_LOCAL_RETENTION_HOURS",
    "EVENTS_API_TOKEN",
    "METRICS_TOKEN",
    "MIN_ONLINE_WORKERS",
    "WORKER_HIGH_LOAD_THRESHOLD",
    "ALERT_HIGH_LOAD_ENABLED",
    "ALERT_ROLE_CHANGE_ENABLED",
    "ALERT_WEBHOOK_TOKEN",
    "NOTIFY_SLACK_WEBHOOK_URL",
    "NOTIFY_TEAMS_WEBHOOK_URL",
    "NOTIFY_EMAIL_TO",
    "NOTIFY_EMAIL_FROM",
    "NOTIFY_SMTP_HOST",
    "NOTIFY_SMTP_PORT",
    "NOTIFY_SMTP_USER",
    "NOTIFY_SMTP_PASSWORD",
    "NOTIFY_SMTP_USE_TLS",
    "PLUGINS",
    "REDIS_URL",
    "GRPC_HOST",
    "GRPC_PORT_RANGE_START",
    "GRPC_PORT_RANGE_END",
    "NODE_ID",
    "TLS_CERT_FILE",
    "TLS_KEY_FILE",
]


@pytest.mark.parametrize("name", CONTRACT)
def test_the_names_of_the_contract_are_known(name):
    assert f"SCHEDULER_{name}" in KNOWN_NAMES | {spec.key for spec in SPECS}


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ("skip_late_runs_after_seconds", 300),
        ("leader_ping_batch_size", 50),
        ("grpc_port_range_start", 50051),
        ("grpc_port_range_end", 50150),
        ("tls_cert_file", "/etc/scheduler/tls/tls.crt"),
        ("tls_key_file", "/etc/scheduler/tls/tls.key"),
        ("leader_stale_seconds", 4),
        ("leader_trust_seconds", 10),
        ("run_lease_seconds", 30),
    ],
)
def test_defaults_that_others_rely_on(field, default):
    assert CoreSettings.model_fields[field].default == default


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_every_setting_is_explained_in_both_languages(spec: SettingSpec):
    told = (spec.help.title, spec.help.meaning, spec.help.impact, expected(spec))
    assert all(words.en.strip() and words.ja.strip() for words in told)
    assert JAPANESE.search(spec.help.meaning.ja)
    assert not JAPANESE.search(spec.help.meaning.en)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_every_number_has_bounds_that_hold_its_default(spec: SettingSpec):
    if spec.type_ in (int, float):
        assert spec.minimum is not None
        assert spec.maximum is not None
        assert spec.minimum <= spec.default <= spec.maximum


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key)
def test_secrets_are_of_the_type_that_hides_them(spec: SettingSpec):
    assert spec.help.secret == (spec.type_ is SecretStr)


def test_a_field_without_its_help_is_refused_by_name():
    class Bare(SettingsModel):
        depth: int = 3

    with pytest.raises(TypeError, match=r"Bare\.depth"):
        specs(Bare)


def test_a_group_read_by_itself_takes_the_environment(monkeypatch):
    class Mine(SettingsModel):
        depth: int = setting(
            3, title=("Depth", "深さ"), meaning=("m", "意味"), impact=("i", "影響"), ge=1, le=9
        )

    monkeypatch.setenv("SCHEDULER_DEPTH", "5")
    assert Mine().depth == 5
    monkeypatch.setenv("SCHEDULER_DEPTH", "10")
    with pytest.raises(ValidationError):
        Mine()


def test_a_group_made_by_hand_is_held_to_its_rules():
    with pytest.raises(ValidationError, match="must be less than"):
        CoreSettings(leader_stale_seconds=10, leader_trust_seconds=10)


def test_settings_in_force_cannot_be_changed():
    with pytest.raises(ValidationError):
        CoreSettings().node_id = "other"
