"""Settings of logs, their retention, and the figures that health and alerts compare with."""

from typing import ClassVar, Literal

from scheduler.plugin_api.settings import Scope, SettingsModel, Words, setting


class ObservingSettings(SettingsModel):
    """What is written down, how long it is kept, and when something counts as wrong."""

    group: ClassVar[Words] = Words("Logs and health", "ログと稼働状況")

    log_format: Literal["json", "console"] = setting(
        "json",
        title=("Log format", "ログの形式"),
        meaning=(
            "One JSON object a line, or coloured text for a terminal.",
            "1 行 1 件の JSON、または端末向けの色付きテキストを選びます。",
        ),
        impact=(
            "Log collectors want json.",
            "ログ収集基盤へ送る場合は json にしてください。",
        ),
        example="json",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info",
        title=("Log level", "ログの詳細度"),
        meaning=(
            "The least level that is written.",
            "出力する最も低い重要度です。",
        ),
        impact=(
            "debug writes a line for each message between leader and workers.",
            "debug にすると、リーダーとワーカー間の通信ごとに 1 行を出力します。",
        ),
        example="info",
    )
    log_dir: str = setting(
        "var/log/runs",
        title=("Run log folder", "実行ログのフォルダ"),
        meaning=(
            "Where a worker writes one file per run, with all that the run prints.",
            "実行ごとに 1 ファイル、標準出力と標準エラーをすべて書き込む場所です。",
        ),
        impact=(
            "Needs room: see the retention settings.",
            "十分な空き容量が必要です。保存期間の設定も確認してください。",
        ),
        example="/var/log/scheduler/runs",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    log_local_retention_hours: int = setting(
        0,
        title=("Keep run log files for", "実行ログファイルの保存時間"),
        meaning=(
            "Log files on a worker older than this are deleted: by scheduler_purge, and by an "
            "archive once it has them. 0: never.",
            "ワーカー上のログファイルを、この時間を過ぎたら削除します。scheduler_purge が、また"
            "アーカイブ済みのものはアーカイブのプラグインが削除します。0 なら削除しません。",
        ),
        impact=(
            "A deleted log can be read only where it was archived.",
            "削除したログは、アーカイブ済みの場合だけ参照できます。",
        ),
        example="168",
        ge=0,
        le=87600,
        unit=("hours", "時間"),
    )
    log_retention_days_db: int = setting(
        90,
        title=("Keep finished runs for", "終了した実行の保存日数"),
        meaning=(
            "Finished runs, events and audit rows older than this are removed from the RDB by "
            "scheduler_purge. 0: never.",
            "終了した実行、イベント、監査記録を、この日数を過ぎたら scheduler_purge が RDB から"
            "削除します。0 なら削除しません。",
        ),
        impact=(
            "Longer: more history, a larger database.",
            "長くすると履歴が増え、データベースが大きくなります。",
        ),
        example="90",
        ge=0,
        le=36500,
        unit=("days", "日"),
    )
    min_online_workers: int = setting(
        1,
        title=("Workers wanted online", "必要な稼働ワーカー数"),
        meaning=(
            "With fewer live workers than this the cluster counts as unhealthy.",
            "稼働中のワーカーがこの数を下回ると、クラスタを異常とみなします。",
        ),
        impact=(
            "Shown in the status and health checks; it starts and stops nothing.",
            "状態表示と稼働確認に使われるだけで、何も起動・停止しません。",
        ),
        example="3",
        ge=0,
        le=10000,
        unit=("workers", "台"),
    )
    worker_high_load_threshold: float = setting(
        0.9,
        title=("High load from", "高負荷とみなす割合"),
        meaning=(
            "A worker whose open runs are at least this part of its capacity counts as highly "
            "loaded.",
            "容量に対する実行中の割合がこの値以上のワーカーを、高負荷とみなします。",
        ),
        impact=(
            "Shown in the status and health checks; assignment goes by capacity.",
            "状態表示と稼働確認に使われます。割り当ては容量に従います。",
        ),
        example="0.9",
        ge=0.05,
        le=1,
        unit=("of capacity", "(容量比)"),
    )
