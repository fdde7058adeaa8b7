"""Words that the templates share, in both languages: marks, counts, reasons, durations."""

from collections.abc import Mapping

from scheduler.plugin_api.settings import Words
from scheduler.queries.why_words import WORDS, say
from scheduler_notify.messages import Kind, Message, Severity

MARKS = {
    Severity.ERROR: Words("[ERROR]", "【エラー】"),
    Severity.WARNING: Words("[WARNING]", "【警告】"),
    Severity.INFO: Words("[INFO]", "【情報】"),
}
OVER = Words("[RESOLVED]", "【復旧】")

COUNTS = {
    Kind.RUN_FAILED: Words("{n} runs of {subject} failed", "{subject} の実行が {n} 件失敗"),
    Kind.RUN_TIMED_OUT: Words(
        "{n} runs of {subject} timed out", "{subject} の実行が {n} 件タイムアウト"
    ),
    Kind.RUN_LOST: Words(
        "{n} runs of {subject} were lost with their workers",
        "{subject} の実行が {n} 件、ワーカーの停止により中断",
    ),
    Kind.RUN_GIVEN_UP: Words(
        "{n} retries of {subject} were given up", "{subject} の再試行を {n} 件中止"
    ),
    Kind.RUN_TOO_LATE: Words(
        "{n} runs of {subject} were skipped as too late",
        "{subject} の実行を {n} 件、時間切れのため見送り",
    ),
    Kind.RUN_LATE: Words(
        "{n} runs of {subject} have not started in time", "{subject} の実行が {n} 件、開始遅延"
    ),
    Kind.JOB_RECOVERED: Words("{subject} works again ({n} times)", "{subject} が復旧（{n} 回）"),
    Kind.ALERT: Words("{n} alerts: {subject}", "{subject} の警報が {n} 件"),
    Kind.PROMETHEUS: Words("{n} alerts {subject} are firing", "アラート {subject} が {n} 件発生"),
    Kind.TEST: Words("{n} test notices", "テスト通知が {n} 件"),
}
RESOLVED_COUNTS = {
    Kind.ALERT: Words("{n} alerts are over: {subject}", "{subject} の警報が {n} 件解消"),
    Kind.PROMETHEUS: Words("{n} alerts {subject} are resolved", "アラート {subject} が {n} 件解消"),
}

ALERTS = {
    "QUARANTINE_BEGUN": Words("{job} is quarantined", "{job} が隔離されました"),
    "QUARANTINE_RELEASED": Words(
        "{job} is released from quarantine", "{job} の隔離が解除されました"
    ),
    "CLUSTER_PAUSED": Words("The cluster is paused", "クラスターが一時停止されました"),
    "CLUSTER_RESUMED": Words("The cluster was resumed", "クラスターが再開されました"),
    "RETRY_BUDGET_EXHAUSTED": Words(
        "{job} has spent its retry budget", "{job} の再試行の上限に達しました"
    ),
}

WAITS = {
    "": Words("No worker has taken it yet.", "まだどのワーカーも引き受けていません。"),
    "WAIT_NO_WORKER": Words("No worker takes runs.", "実行を受け付けるワーカーがいません。"),
    "WAIT_NO_QUEUE": Words("No worker serves its queue.", "キューを担当するワーカーがいません。"),
    "WAIT_NO_LABEL": Words(
        "No worker has the labels it asks for.", "必要なラベルを持つワーカーがいません。"
    ),
    "WAIT_NO_CAPABILITY": Words(
        "No worker has its executor.", "実行方式に対応するワーカーがいません。"
    ),
    "WAIT_CAPACITY": Words("All workers are full.", "ワーカーがすべて満杯です。"),
    "WAIT_MAX_PARALLEL": Words(
        "As many runs of the job are open as it allows.", "ジョブの同時実行の上限に達しています。"
    ),
    "WAIT_REPLACE": Words(
        "It waits for the end of the run that it replaces.",
        "置き換える実行の終了を待っています。",
    ),
    "WAIT_REPLAY": Words(
        "The database failed over; workers replay what they wrote.",
        "データベースの切り替え後の再送を待っています。",
    ),
}


def mark(severity: Severity, resolved: bool, lang: str) -> str:
    """``【エラー】``: what a title begins with."""
    return in_language(OVER if resolved else MARKS[severity], lang)


def count_sentence(kind: Kind, resolved: bool, subject: str, n: int, lang: str) -> str:
    """``5 runs of nightly failed``."""
    words = (RESOLVED_COUNTS.get(kind) if resolved else None) or COUNTS[kind]
    return in_language(words, lang).format(n=n, subject=subject)


def alert_title(message: Message, lang: str) -> str:
    """What an alert says, short; of a code that is not known its name."""
    code = str(message.facts.get("code", ""))
    words = ALERTS.get(code)
    return in_language(words, lang).format(job=message.subject) if words else code


def reason_sentence(facts: Mapping[str, object], lang: str) -> str:
    """Why a run ended as it did, or waits; empty when nothing is known."""
    reason = str(facts.get("reason", ""))
    if reason in WAITS:
        return in_language(WAITS[reason], lang) if reason or "late_seconds" in facts else ""
    if reason not in WORDS:
        return reason
    known = {"exit_code": facts.get("exit_code"), "worker": facts.get("worker") or "-"}
    return say(WORDS[reason], lang, known)


def duration(seconds: int, lang: str) -> str:
    """``1 h 5 min`` or ``1 時間 5 分``: the two greatest units."""
    names = ("d", "h", "min", "s") if lang != "ja" else ("日", "時間", "分", "秒")
    minutes, second = divmod(max(0, seconds), 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    parts = list(zip((day, hour, minute, second), names, strict=True))
    first = next((at for at, (count, _) in enumerate(parts) if count), 3)
    return " ".join(f"{count} {name}" for count, name in parts[first : first + 2] if count) or (
        f"0 {names[3]}"
    )


def in_language(words: Words, lang: str) -> str:
    """The text in ``ja`` or, for any other language, English."""
    return words.ja if lang == "ja" else words.en
