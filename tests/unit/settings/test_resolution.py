"""RDB over environment over default, and what a bad value does."""

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, SecretStr

from scheduler.domain.errors import InvalidSetting
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.resolution import (
    Resolved,
    SettingsConflict,
    Source,
    UnknownSettings,
    after_reload,
    as_text,
    changed,
    check_unknown,
    parse,
    refuse_bad_changes,
    resolve,
    secret_values,
    shown,
)
from scheduler.plugin_api.settings import (
    SettingsConfigDict,
    SettingsModel,
    SettingSpec,
    Unusable,
    setting,
    specs,
)

SPECS = {spec.key: spec for spec in specs(CoreSettings)}
BATCH = "SCHEDULER_LEADER_PING_BATCH_SIZE"
STALE = "SCHEDULER_LEADER_STALE_SECONDS"
TRUST = "SCHEDULER_LEADER_TRUST_SECONDS"


def resolved(
    rows: dict[str, str] | None = None, environ: dict[str, str] | None = None
) -> Resolved[CoreSettings]:
    return resolve(CoreSettings, rows=rows or {}, environ=environ or {})


def test_the_default_holds_where_nothing_is_given():
    found = resolved()
    assert found.settings.leader_ping_batch_size == 50
    assert found.sources[BATCH] is Source.DEFAULT


def test_the_environment_goes_over_the_default():
    found = resolved(environ={BATCH: "20"})
    assert found.settings.leader_ping_batch_size == 20
    assert found.sources[BATCH] is Source.ENVIRONMENT


def test_the_rdb_goes_over_the_environment():
    found = resolved(rows={BATCH: "30"}, environ={BATCH: "20"})
    assert found.settings.leader_ping_batch_size == 30
    assert found.sources[BATCH] is Source.RDB


def test_resolving_reads_no_environment_but_the_one_it_is_given(monkeypatch):
    monkeypatch.setenv(BATCH, "77")
    assert resolved().settings.leader_ping_batch_size == 50


def test_an_empty_variable_counts_as_not_set():
    assert resolved(environ={BATCH: ""}).sources[BATCH] is Source.DEFAULT


def test_a_bad_environment_value_is_refused_with_name_value_and_range():
    with pytest.raises(InvalidSetting) as caught:
        resolved(environ={BATCH: "0"})
    sentence = str(caught.value)
    assert BATCH in sentence
    assert "'0'" in sentence
    assert "from 1 to 1000" in sentence


@pytest.mark.parametrize("url", ["http://:hunter22@host", "redis:hunter22"])
def test_a_bad_secret_is_never_quoted(url):
    with pytest.raises(InvalidSetting) as caught:
        resolved(environ={"SCHEDULER_REDIS_URL": url})
    assert "SCHEDULER_REDIS_URL" in str(caught.value)
    assert "hunter22" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_bad_environment_value_is_refused_even_where_a_row_covers_it():
    with pytest.raises(InvalidSetting):
        resolved(rows={BATCH: "30"}, environ={BATCH: "many"})


@pytest.mark.parametrize(
    ("row", "fallback"), [("0", 20), ("many", 20), ("1001", 20), ("", 20), ("2.5", 20)]
)
def test_a_bad_row_falls_back_to_the_environment_and_is_told(row, fallback):
    found = resolved(rows={BATCH: row}, environ={BATCH: "20"})
    assert found.settings.leader_ping_batch_size == fallback
    assert found.sources[BATCH] is Source.ENVIRONMENT
    assert [problem.key for problem in found.problems] == [BATCH]
    assert "ignored" in found.problems[0].sentence


def test_a_bad_secret_row_is_told_without_its_value():
    def refuse(value: SecretStr) -> SecretStr:
        raise ValueError(value.get_secret_value())

    class Locked(SettingsModel):
        code: Annotated[SecretStr, AfterValidator(refuse)] | None = setting(
            None, title=("t", "題"), meaning=("m", "意"), impact=("i", "響"), secret=True
        )

    found = resolve(Locked, rows={"SCHEDULER_CODE": "hunter22"}, environ={})
    assert found.settings.code is None
    assert "SCHEDULER_CODE" in found.problems[0].sentence
    assert "hunter22" not in found.problems[0].sentence


def test_what_differs_by_process_cannot_come_from_the_rdb():
    found = resolved(rows={"SCHEDULER_NODE_ID": "all-the-same"})
    assert found.settings.node_id == ""
    assert "environment" in found.problems[0].sentence


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_numbers_that_are_none_are_refused(text):
    with pytest.raises(InvalidSetting):
        resolved(environ={"SCHEDULER_ASSIGN_AHEAD_SECONDS": text})


# ---------------------------------------------------------------------------- values together


@pytest.mark.parametrize(
    "environ",
    [
        {STALE: "10", TRUST: "10"},
        {"SCHEDULER_LEADER_LOCK_TTL_SECONDS": "11"},
        {"SCHEDULER_LEASE_RENEW_INTERVAL_SECONDS": "10.1"},
        {"SCHEDULER_RUN_LEASE_MARGIN_SECONDS": "2"},
        {"SCHEDULER_KILL_GRACE_SECONDS": "15.1"},
        {"SCHEDULER_CONTINUATION_CONFIRM_SECONDS": "30"},
        {"SCHEDULER_GRPC_PORT_RANGE_START": "50151"},
    ],
)
def test_environment_values_that_do_not_fit_together_are_refused(environ):
    with pytest.raises(SettingsConflict) as caught:
        resolved(environ=environ)
    for key, value in environ.items():
        assert f"{key} is {value}" in str(caught.value)


@pytest.mark.parametrize(
    "environ",
    [
        {STALE: "9.9", TRUST: "10"},
        {"SCHEDULER_LEADER_LOCK_TTL_SECONDS": "10"},
        {"SCHEDULER_LEASE_RENEW_INTERVAL_SECONDS": "10"},
        {"SCHEDULER_RUN_LEASE_MARGIN_SECONDS": "2.04"},
        {"SCHEDULER_KILL_GRACE_SECONDS": "15"},
        {"SCHEDULER_CONTINUATION_CONFIRM_SECONDS": "29.9"},
        {"SCHEDULER_GRPC_PORT_RANGE_START": "50150"},
    ],
)
def test_values_just_inside_their_bounds_are_taken(environ):
    assert resolved(environ=environ).problems == ()


def test_rows_that_break_a_rule_fall_back_together_and_stop_nobody():
    found = resolved(rows={STALE: "9", TRUST: "8", BATCH: "30"})
    assert (found.settings.leader_stale_seconds, found.settings.leader_trust_seconds) == (4, 10)
    assert {problem.key for problem in found.problems} == {STALE, TRUST}
    assert found.settings.leader_ping_batch_size == 30


def test_a_row_that_breaks_a_rule_with_the_environment_is_the_one_to_yield():
    found = resolved(rows={STALE: "9"}, environ={TRUST: "8"})
    assert found.settings.leader_stale_seconds == 4
    assert found.settings.leader_trust_seconds == 8


def test_a_form_is_told_what_is_wrong_before_anything_is_saved():
    def save(**rows: str) -> None:
        refuse_bad_changes(CoreSettings, rows=rows, changed_keys=rows, environ={})

    with pytest.raises(InvalidSetting):
        save(**{BATCH: "0"})
    with pytest.raises(SettingsConflict) as caught:
        save(**{STALE: "11"})
    assert caught.value.keys == (STALE, TRUST)
    with pytest.raises(InvalidSetting):
        save(SCHEDULER_LOG_DIR="/logs")
    save(**{STALE: "11", TRUST: "12"})


def test_rows_that_were_bad_before_do_not_keep_others_from_being_changed():
    rows = {"SCHEDULER_ASSIGN_AHEAD_SECONDS": "nonsense", STALE: "11", BATCH: "30"}
    refuse_bad_changes(CoreSettings, rows=rows, changed_keys=[BATCH], environ={})


def test_taking_a_row_away_is_refused_where_the_rest_would_not_fit():
    with pytest.raises(SettingsConflict):
        refuse_bad_changes(CoreSettings, rows={STALE: "11"}, changed_keys=[TRUST], environ={})


# --------------------------------------------------------------------------------- unknown names


def test_a_misspelt_variable_is_told_with_the_nearest_name():
    (sentence,) = check_unknown([CoreSettings], {"SCHEDULER_REDIS_URI": "redis://x"})
    assert "SCHEDULER_REDIS_URI" in sentence
    assert "did you mean SCHEDULER_REDIS_URL?" in sentence


def test_what_kubernetes_injects_is_told_as_such():
    links = {"SCHEDULER_SERVICE_HOST": "10.0.0.1", "SCHEDULER_PORT": "tcp://10.0.0.1:80"}
    sentences = check_unknown([CoreSettings], links)
    assert len(sentences) == 2
    assert all("enableServiceLinks: false" in sentence for sentence in sentences)


def test_unknown_names_are_errors_under_strict():
    with pytest.raises(UnknownSettings) as caught:
        check_unknown([CoreSettings], {"SCHEDULER_NOPE": "1"}, strict=True)
    assert "SCHEDULER_NOPE" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "SCHEDULER_REDIS_URL",
        "SCHEDULER_LOG_ARCHIVE_BUCKET",
        "SCHEDULER_NOTIFY_SMTP_PASSWORD",
        "SCHEDULER_PROMETHEUS_URL",
        "SCHEDULER_JOB_RUN_ID",
        "DATABASE_URL",
    ],
)
def test_names_of_settings_shipped_plugins_and_jobs_are_known(name):
    assert check_unknown([CoreSettings], {name: "x"}, strict=True) == ()


# ---------------------------------------------------------------------------------------- reload


def test_a_changed_value_is_seen_and_an_equal_one_is_not():
    old, new = resolved(rows={BATCH: "30"}), resolved(rows={BATCH: "31"}, environ={STALE: "4"})
    assert [spec.key for spec in changed(old, new)] == [BATCH]


def test_a_running_worker_keeps_what_needs_a_restart():
    old = resolved()
    new = resolved(rows={"SCHEDULER_MAX_JOBS_PER_WORKER": "2", BATCH: "30"})
    merged = after_reload(old, new)
    assert merged.settings.max_jobs_per_worker == 8
    assert merged.sources["SCHEDULER_MAX_JOBS_PER_WORKER"] is Source.DEFAULT
    assert merged.settings.leader_ping_batch_size == 30


def test_a_mixture_of_old_and_new_that_breaks_a_rule_is_not_taken_up():
    # The new lease (60 s) waits for a restart; the new grace (30 s) does not fit the old one.
    rows = {
        "SCHEDULER_RUN_LEASE_SECONDS": "60",
        "SCHEDULER_KILL_GRACE_SECONDS": "30",
        BATCH: "30",
    }
    old, new = resolved(), resolved(rows=rows)
    assert new.problems == ()
    assert after_reload(old, new) == old


# ---------------------------------------------------------------------------------- text and back


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.key)
def test_every_default_reads_back_from_its_text(spec: SettingSpec):
    assert parse(spec, as_text(spec.default)) == spec.default


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.key)
def test_every_example_is_allowed(spec: SettingSpec):
    parse(spec, spec.help.example)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("SCHEDULER_QUEUES", " a, b ,,c", ("a", "b", "c")),
        ("SCHEDULER_LABELS", "zone=a, disk=ssd,empty=", {"zone": "a", "disk": "ssd", "empty": ""}),
        ("SCHEDULER_GRPC_INSECURE", "yes", True),
        ("SCHEDULER_LOG_LEVEL", "debug", "debug"),
    ],
)
def test_texts_become_values(key: str, text: str, value: Any):
    assert parse(SPECS[key], text) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("SCHEDULER_LABELS", "zone"),
        ("SCHEDULER_LABELS", "=a"),
        ("SCHEDULER_GRPC_INSECURE", "perhaps"),
        ("SCHEDULER_LOG_LEVEL", "loud"),
        ("SCHEDULER_DEPLOYMENT", "moon"),
    ],
)
def test_texts_that_mean_nothing_are_refused(key: str, text: str):
    with pytest.raises(InvalidSetting):
        parse(SPECS[key], text)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("redis://:hunter22@host:6379/0", "redis://:***@host:6379/0"),
        ("redis://user:p@ss/w@host", "redis://user:***@host"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://host?password=hunter22", "***"),
    ],
)
def test_of_a_secret_url_only_the_password_is_hidden(url, seen):
    found = resolved(environ={"SCHEDULER_REDIS_URL": url})
    assert shown(SPECS["SCHEDULER_REDIS_URL"], found.settings.redis_url) == seen


HOOKED_WORDS: Any = {"title": ("t", "題"), "meaning": ("m", "意味"), "impact": ("i", "影響")}


def refuse_odd(text: str) -> str:
    if text == "odd":
        raise Unusable("even; the third is not")
    if text == "bad":
        raise ValueError("not shown")
    return text


class Hooked(SettingsModel):
    """A web address that is a secret, and a text whose validator says what is wrong."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_HOOKED_")

    url: SecretStr = setting(SecretStr(""), **HOOKED_WORDS, secret=True)
    even: Annotated[str, AfterValidator(refuse_odd)] = setting(
        "", **HOOKED_WORDS, expects=("even", "偶数")
    )


def test_a_web_address_that_is_a_secret_is_hidden_whole():
    url = "https://hooks.example.com/services/hunter22"
    found = resolve(Hooked, rows={}, environ={"SCHEDULER_HOOKED_URL": url})
    assert shown(specs(Hooked)[0], found.settings.url) == "***"
    assert secret_values([found]) == (url,)


def test_a_validators_own_words_say_where_a_value_is_wrong():
    with pytest.raises(InvalidSetting, match="allowed: even; the third is not"):
        resolve(Hooked, rows={}, environ={"SCHEDULER_HOOKED_EVEN": "odd"})
    with pytest.raises(InvalidSetting, match=r"allowed: even\."):
        resolve(Hooked, rows={}, environ={"SCHEDULER_HOOKED_EVEN": "bad"})


def test_settings_print_no_secret():
    environ = {
        "SCHEDULER_REDIS_URL": "redis://:hunter22@host",
        "SCHEDULER_EVENTS_API_TOKEN": "sesame-open",
    }
    found = resolved(environ=environ)
    assert "hunter22" not in repr(found)
    assert "sesame" not in repr(found)
    assert secret_values([found]) == ("sesame-open",)
