"""What each reason means, in both languages; ``queries.why`` fills in the facts.

A reason that is not in this table is shown by its own name and the detail kept with it; a test
asks for every member of ``domain.values.Reason``.
"""

from collections.abc import Mapping

from scheduler.plugin_api.settings import Words

_WAITING = {
    "WAIT_UPSTREAM": Words(
        "It waits for its upstream: {upstreams}.", "上流の成功を待っています: {upstreams}。"
    ),
    "WAIT_PAUSED": Words(
        "The cluster is paused; nothing starts until it is resumed.",
        "クラスターが一時停止中です。再開されるまで何も開始されません。",
    ),
    "WAIT_QUARANTINED": Words(
        "Its job is quarantined since {since}; release it to go on.",
        "ジョブは {since} から隔離されています。解除すると続行します。",
    ),
    "WAIT_MAX_PARALLEL": Words(
        "As many runs of the job are open as it allows ({limit}): {runs}.",
        "同時実行の上限({limit})に達しています: {runs}。",
    ),
    "WAIT_REPLACE": Words(
        "It waits for the end of the run that it replaces: {runs}.",
        "置き換える実行の終了を待っています: {runs}。",
    ),
    "WAIT_NO_WORKER": Words(
        "No worker takes runs: {workers}.", "実行を受け付けるワーカーがいません: {workers}。"
    ),
    "WAIT_NO_QUEUE": Words(
        "No worker that takes runs serves the queue {queue}: {workers}.",
        "キュー {queue} を担当し、実行を受け付けるワーカーがいません: {workers}。",
    ),
    "WAIT_NO_LABEL": Words(
        "No worker that takes runs on queue {queue} has the labels {labels}: {workers}.",
        "キュー {queue} にラベル {labels} を持ち、実行を受け付けるワーカーがいません: {workers}。",
    ),
    "WAIT_NO_CAPABILITY": Words(
        "No worker that takes such runs has the executor {executor}: {workers}.",
        "実行方式 {executor} に対応し、実行を受け付けるワーカーがいません: {workers}。",
    ),
    "WAIT_CAPACITY": Words(
        "All workers that may take it are full: {workers}.",
        "担当できるワーカーはすべて満杯です: {workers}。",
    ),
    "WAIT_REPLAY": Words(
        "The database failed over; the cluster awaits the replay of {awaited}.",
        "データベースがフェイルオーバーしました。{awaited} の再送を待っています。",
    ),
    "WAIT_START_CAP": Words(
        "The job has had as many starts as it may have in this time.",
        "この期間に許されたジョブの開始回数に達しています。",
    ),
    "WAIT_RETRY_BUDGET": Words(
        "The job has used up the retries it may have in this time.",
        "この期間に許されたジョブの再試行回数を使い切りました。",
    ),
}
_SKIPPED = {
    "SKIP_LATE": Words(
        "It could not start within the time that may pass after its due instant.",
        "予定時刻から許された時間内に開始できませんでした。",
    ),
    "MISFIRE_SKIPPED": Words(
        "Its slot was missed while nobody planned, and the job skips what was missed.",
        "計画する者がいない間に予定を逃し、ジョブの方針により見送られました。",
    ),
    "MISFIRE_COALESCED": Words(
        "Its slot was missed while nobody planned; one later run stands for all that were.",
        "計画する者がいない間に予定を逃しました。後の 1 回の実行がまとめて代わります。",
    ),
    "CALENDAR": Words(
        "The job's calendar leaves this day out.", "ジョブのカレンダーでこの日は対象外です。"
    ),
    "CONCURRENCY_FORBID": Words(
        "Another run of the job was open, and the job forbids a second one.",
        "ジョブの別の実行が終わっておらず、同時実行が禁止されています。",
    ),
    "UPSTREAM_FAILED": Words("An upstream did not succeed.", "上流が成功しませんでした。"),
    "RETRY_BUDGET": Words(
        "The job had used up its retries; no other attempt was made.",
        "ジョブの再試行回数を使い切ったため、再試行は行われませんでした。",
    ),
}
_ENDED = {
    "CANCELED_BY_REQUEST": Words("Somebody asked for its end.", "取り消しが要求されました。"),
    "REPLACED": Words(
        "A newer run of the job took its place.", "ジョブの新しい実行に置き換えられました。"
    ),
    "REASSIGNED": Words(
        "The worker it was given to did not start it; it goes to another.",
        "割り当て先のワーカーが開始しなかったため、別のワーカーに渡されます。",
    ),
    "EXIT_CODE": Words(
        "Its process ended with exit code {exit_code}.",
        "プロセスが終了コード {exit_code} で終わりました。",
    ),
    "KILLED_BY_SIGNAL": Words(
        "Its process was killed by a signal.", "プロセスがシグナルで強制終了されました。"
    ),
    "TIMEOUT": Words("It ran longer than its job allows.", "ジョブの制限時間を超えて動きました。"),
    "NEVER_STARTED": Words(
        "Its worker claimed it, but no process of it was started.",
        "ワーカーが引き受けましたが、プロセスは開始されませんでした。",
    ),
    "START_FAILED": Words("Its process could not be started.", "プロセスを開始できませんでした。"),
    "WORKER_LOST": Words("The worker {worker} was lost.", "ワーカー {worker} が失われました。"),
    "FORK_SERVER_LOST": Words(
        "The process that starts the worker's runs died.", "実行を開始するプロセスが終了しました。"
    ),
    "LEASE_LOST": Words(
        "The worker's lease ran out, so it ended its runs.",
        "ワーカーのリースが切れたため、実行を終了しました。",
    ),
    "DISABLED": Words(
        "The job is disabled; its schedule makes no runs.",
        "ジョブは無効です。スケジュールによる実行は作られません。",
    ),
    "SUCCEEDED": Words("It ended with success.", "成功しました。"),
    "FAILED": Words("It failed.", "失敗しました。"),
    "TIMED_OUT": Words(
        "It ran longer than its job allows.", "ジョブの制限時間を超えて動きました。"
    ),
    "CANCELED": Words("It was canceled.", "取り消されました。"),
    "ORPHANED": Words("Its worker was lost.", "ワーカーが失われました。"),
    "SKIPPED": Words("It was skipped.", "見送られました。"),
}
_OTHERWISE = {
    "NOT_DUE": Words(
        "It is not due before {due}.", "予定時刻は {due} です。まだ時間になっていません。"
    ),
    "RETRY_BACKOFF": Words(
        "Attempt {attempt} is not due before {due}.", "試行 {attempt} 回目は {due} に行われます。"
    ),
    "NO_LEADER": Words(
        "Nobody leads, so nobody plans or assigns runs (the last leader was seen {seen}).",
        "リーダーがいないため、計画も割り当ても行われません(最後に確認: {seen})。",
    ),
    "CANCEL_REQUESTED": Words(
        "Its cancellation was requested at {since}.", "{since} に取り消しが要求されました。"
    ),
    "ASSIGNED": Words(
        "Worker {worker} was given it at {since} and has not started it yet.",
        "{since} にワーカー {worker} に割り当てられましたが、まだ開始していません。",
    ),
    "RUNNING": Words(
        "It runs on worker {worker} since {since}.", "{since} からワーカー {worker} で実行中です。"
    ),
    "SUSPECT_WORKER": Words(
        "Its worker {worker} does not answer; if it stays so, its lease runs out.",
        "ワーカー {worker} が応答していません。このままならリースが切れます。",
    ),
    "READY": Words(
        "Nothing holds it; it starts with the leader's next look.",
        "妨げるものはありません。リーダーの次の確認で開始されます。",
    ),
    "RETRIED": Words("Another attempt follows: {next}.", "次の試行が続きます: {next}。"),
    "DELETED": Words("The job was deleted at {since}.", "ジョブは {since} に削除されました。"),
    "NO_SCHEDULE": Words(
        "The job has no schedule; it runs when somebody asks for it, or an event does.",
        "ジョブにスケジュールはありません。手動またはイベントで実行されます。",
    ),
    "TRIGGERED": Words(
        "The job has no schedule of its own; it runs after its upstreams: {after}.",
        "ジョブ自身のスケジュールはなく、上流の後に実行されます: {after}。",
    ),
    "WINDOW_NOT_BEGUN": Words(
        "The job's time begins at {due}.", "ジョブの有効期間は {due} に始まります。"
    ),
    "WINDOW_OVER": Words(
        "The job's time ended at {since}.", "ジョブの有効期間は {since} に終わりました。"
    ),
    "NO_MORE_SLOTS": Words(
        "The job's schedule has no slot any more.", "スケジュールに今後の予定はありません。"
    ),
    "SCHEDULE_UNREADABLE": Words(
        "The job's schedule cannot be read.", "ジョブのスケジュールを読み取れません。"
    ),
    "EDIT_NOT_PLANNED": Words(
        "The job was changed at {since}, and the leader has not planned it anew yet.",
        "ジョブは {since} に変更され、リーダーはまだ計画し直していません。",
    ),
    "REQUEST_NOT_TAKEN": Words(
        "A run was asked for at {since}; the leader has not taken the request yet.",
        "{since} に実行が要求されましたが、リーダーはまだ受け取っていません。",
    ),
    "OPEN_RUN": Words("Run {run} is {state}.", "実行 {run} は {state} です。"),
}

WORDS: Mapping[str, Words] = _WAITING | _SKIPPED | _ENDED | _OTHERWISE

UNKNOWN = Words("The reason kept for it is {code}.", "記録されている理由: {code}。")
WILL_NOT_START = Words("It will not start. {sentence}", "開始されません。{sentence}")
ENDED = Words("{state}: {sentence}", "{state}: {sentence}")
NOBODY = Words("none is live", "稼働中のワーカーなし")
NO_RUN = Words("no run of slot {slot}", "スロット {slot} の実行なし")
TO_BE_TRIED_AGAIN = Words("{state}, to be tried again", "{state}（再試行待ち）")
OF_SLOT = Words("slot {slot} is {state}", "スロット {slot} は {state}")

NOTES: Mapping[str, Words] = {
    "leads and takes runs only while it is alone": Words(
        "leads and takes runs only while it is alone", "リーダー: 単独のときだけ実行を受け付ける"
    ),
    "is draining": Words("is draining", "ドレイン中"),
    "is detached": Words("is detached", "切り離し中"),
    "is suspect": Words("is suspect", "応答確認中"),
}
"""What ``domain.placement`` says of a worker that takes no runs."""


class _Known(dict[str, object]):
    """A fact that is not known is a dash."""

    def __missing__(self, key: str) -> str:
        return "-"


def say(words: Words, lang: str, facts: Mapping[str, object]) -> str:
    """The sentence in the language (``ja`` Japanese, else English) with its facts."""
    text = words.ja if lang == "ja" else words.en
    return text.format_map(_Known(facts))
