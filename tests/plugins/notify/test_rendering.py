"""Notices in words: Japanese and English, one message and several, overridden and broken."""

import pytest
from django.test import override_settings

from scheduler_notify.intake import recovered, with_facts
from scheduler_notify.messages import Form, Kind, Severity
from scheduler_notify.rendering import COUNTS_AT_MOST, LINES_AT_MOST, BadTemplate, Style, render
from tests.plugins.notify.builders import ID, NOON, RUN, facts, message, templates_in

JA = Style("ja", "Asia/Tokyo", "https://scheduler.example.com")
EN = Style("en", "Asia/Tokyo")


def rendered(*messages, style=EN, form=Form.SINGLE):
    return render(ID, form, messages, NOON, style)


def told(**changes):
    return with_facts(message(), facts(**changes))


def test_a_failure_in_japanese():
    notice = rendered(told(explanation="ValueError: no such file"), style=JA)
    assert notice.title == "【エラー】nightly が失敗しました（終了コード 3）"
    assert notice.text.splitlines() == [
        "理由: プロセスが終了コード 3 で終わりました。",
        "詳細: ValueError: no such file",
        "日時: 2026-03-02 12:00:00（Asia/Tokyo）",
        "予定: 2026-03-02 12:00:00",
        "ワーカー: w-1",
        f"実行 ID: {RUN}",
    ]
    assert notice.link == f"https://scheduler.example.com/admin/scheduler/jobrun/{RUN}/change/"


def test_a_failure_in_english_in_the_zone_of_its_job():
    notice = rendered(told(timezone="America/New_York", attempt=2))
    assert notice.title == "[ERROR] nightly failed (exit code 3)"
    assert "When: 2026-03-01 22:00:00 (America/New_York)" in notice.text
    assert "Attempt: 2" in notice.text
    assert "Reason: Its process ended with exit code 3." in notice.text
    assert notice.link == ""


def test_a_failure_without_exit_code_says_none():
    notice = rendered(told(exit_code=None, reason="KILLED_BY_SIGNAL"))
    assert notice.title == "[ERROR] nightly failed"
    assert "None" not in notice.text


def test_a_failure_that_is_tried_again_says_so_and_is_only_information():
    notice = rendered(told(will_be_retried=True), style=JA)
    assert notice.title.startswith("【情報】")
    assert notice.text.endswith("このあと再試行されます。")


def test_a_recovery_says_how_long_the_job_had_failed():
    since = NOON.replace(hour=1, minute=55)
    one = recovered("nightly", since, 4, facts(exit_code=0))
    assert rendered(one).title == "[RESOLVED] nightly works again"
    assert "failed for 1 h 5 min since 2026-03-02 10:55:00 (4 failures)" in rendered(one).text
    japanese = rendered(one, style=JA)
    assert japanese.title == "【復旧】nightly が正常に戻りました"
    assert "1 時間 5 分 の間に 4 回失敗していましたが" in japanese.text


def test_a_late_run_says_by_how_much_and_why():
    one = message(
        kind=Kind.RUN_LATE,
        severity=Severity.WARNING,
        facts={"late_seconds": 420, "reason": "WAIT_NO_WORKER", "timezone": "Asia/Tokyo"},
    )
    assert rendered(one).title == "[WARNING] nightly is late by 7 min"
    assert "Reason: No worker takes runs." in rendered(one).text
    assert rendered(one, style=JA).title == "【警告】nightly の開始が遅れています（7 分）"


def test_an_alert_of_an_unknown_code_still_says_its_sentence():
    one = message(kind=Kind.ALERT, facts={"code": "FROM_LATER", "text": "It is so."}, run_id=None)
    assert rendered(one).title == "[ERROR] FROM_LATER"
    assert "It is so." in rendered(one).text


def test_a_label_of_any_name_is_shown_as_it_is():
    one = message(kind=Kind.PROMETHEUS, facts={"labels": {"items": "7", "<b>": "{{ job }}"}})
    assert rendered(one).text == "Labels: items=7, <b>={{ job }}"


def test_several_of_a_group_are_counted_and_listed():
    notice = rendered(*[told() for _ in range(5)], form=Form.GROUP)
    assert notice.title == "[ERROR] 5 runs of nightly failed"
    assert notice.text.count(str(RUN)) == 5
    japanese = rendered(*[told() for _ in range(5)], form=Form.GROUP, style=JA)
    assert japanese.title == "【エラー】nightly の実行が 5 件失敗"


def test_a_large_group_lists_the_first_and_counts_the_rest():
    notice = rendered(*[told() for _ in range(LINES_AT_MOST + 7)], form=Form.GROUP)
    assert notice.text.count(str(RUN)) == LINES_AT_MOST
    assert "and 7 more" in notice.text


def test_a_summary_names_every_job_it_was_held_back_for():
    messages = [message(subject=f"job-{n}", job=f"job-{n}") for n in range(COUNTS_AT_MOST)] * 2
    notice = rendered(*messages, form=Form.SUMMARY)
    assert notice.title == f"[ERROR] {2 * COUNTS_AT_MOST} notices in one"
    assert all(f"2 runs of job-{n} failed" in notice.text for n in range(COUNTS_AT_MOST))


def test_a_summary_of_too_many_jobs_says_how_many_are_left():
    messages = [message(subject=f"job-{n}") for n in range(COUNTS_AT_MOST + 3)]
    assert "3 more of other kinds" in rendered(*messages, form=Form.SUMMARY).text


def test_the_worst_of_several_marks_the_notice():
    mixed = (message(severity=Severity.WARNING), message(severity=Severity.ERROR))
    assert rendered(*mixed, form=Form.GROUP).severity is Severity.ERROR
    assert not rendered(message(resolved=True), message(), form=Form.GROUP).resolved


def test_what_a_job_writes_is_neither_escaped_nor_able_to_break_the_title():
    one = message(job="a<b>&'c'\r\nBcc: x", subject="a")
    notice = rendered(one)
    assert "\n" not in notice.title
    assert "a<b>&'c'" in notice.title
    assert "\x1b" not in rendered(told(explanation="\x1b[31mred")).text


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_words(kind, language):
    known = {"since": NOON.isoformat(), "late_seconds": 7, "failing_seconds": 7}
    notice = rendered(message(kind=kind, facts=known), style=Style(language, "UTC"))
    assert notice.title
    assert notice.text


def test_a_project_overrides_a_template(tmp_path):
    folder = tmp_path / "scheduler_notify" / "en"
    folder.mkdir(parents=True)
    (folder / "run_failed.txt").write_text("Ours: {{ job }} & {{ exit_code }}\n{{ worker }}")
    with override_settings(TEMPLATES=templates_in(tmp_path)):
        notice = rendered(told())
    assert (notice.title, notice.text) == ("Ours: nightly & 3", "w-1")


def test_a_broken_template_is_told_by_its_name(tmp_path):
    folder = tmp_path / "scheduler_notify" / "en"
    folder.mkdir(parents=True)
    (folder / "run_failed.txt").write_text("{% if %}")
    with (
        override_settings(TEMPLATES=templates_in(tmp_path)),
        pytest.raises(BadTemplate, match=r"scheduler_notify/en/run_failed\.txt cannot be rendered"),
    ):
        rendered(told())


def test_a_template_that_comes_out_empty_is_a_broken_one(tmp_path):
    folder = tmp_path / "scheduler_notify" / "en"
    folder.mkdir(parents=True)
    (folder / "run_failed.txt").write_text("{% if nothing %}{{ job }}{% endif %}\n")
    with (
        override_settings(TEMPLATES=templates_in(tmp_path)),
        pytest.raises(BadTemplate, match="it comes out empty"),
    ):
        rendered(told())
