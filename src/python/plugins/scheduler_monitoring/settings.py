"""The plugin's settings."""

from typing import ClassVar

from pydantic import SecretStr

from scheduler.plugin_api.settings import SECONDS, SettingsModel, Words, setting
from scheduler.plugin_api.web_address import EXPECTED, ServerAddress


class MonitoringSettings(SettingsModel):
    """What is shown at /metrics, to whom, and where Prometheus and Alertmanager are."""

    group: ClassVar[Words] = Words("Monitoring", "監視")

    prometheus_url: ServerAddress = setting(
        "",
        title=("Prometheus", "Prometheus の URL"),
        meaning=(
            "Where Prometheus is asked for figures. Empty: nowhere.",
            "グラフ用の値を問い合わせる Prometheus の場所です。空なら問い合わせません。",
        ),
        impact=(
            "Only this address is called; a redirect to another is refused.",
            "このアドレスだけを呼び出します。別の場所へのリダイレクトには従いません。",
        ),
        example="http://prometheus:9090",
        expects=EXPECTED,
    )
    prometheus_token: SecretStr = setting(
        SecretStr(""),
        title=("Token for Prometheus", "Prometheus へのトークン"),
        meaning=(
            "Sent to Prometheus as a bearer token. Empty: none is sent.",
            "Prometheus へ Bearer トークンとして送る値です。空なら送りません。",
        ),
        impact=(
            "Needed where Prometheus stands behind a proxy that asks for it.",
            "認証プロキシの背後に Prometheus がある場合に必要です。",
        ),
        example="a long random text",
        secret=True,
    )
    alertmanager_url: ServerAddress = setting(
        "",
        title=("Alertmanager", "Alertmanager の URL"),
        meaning=(
            "Where alerts are listed and silences are made. Empty: nowhere.",
            "アラートの一覧とサイレンスに使う Alertmanager の場所です。空なら未使用です。",
        ),
        impact=(
            "Only this address is called; a redirect to another is refused.",
            "このアドレスだけを呼び出します。別の場所へのリダイレクトには従いません。",
        ),
        example="http://alertmanager:9093",
        expects=EXPECTED,
    )
    alertmanager_token: SecretStr = setting(
        SecretStr(""),
        title=("Token for Alertmanager", "Alertmanager へのトークン"),
        meaning=(
            "Sent to Alertmanager as a bearer token. Empty: none is sent.",
            "Alertmanager へ Bearer トークンとして送る値です。空なら送りません。",
        ),
        impact=(
            "Needed where Alertmanager stands behind a proxy that asks for it.",
            "認証プロキシの背後に Alertmanager がある場合に必要です。",
        ),
        example="a long random text",
        secret=True,
    )
    monitoring_ca_file: str = setting(
        "",
        title=("CA of the monitoring", "監視用の CA ファイル"),
        meaning=(
            "A PEM file of the authorities that sign Prometheus' and Alertmanager's "
            "certificates. Empty: the system's own.",
            "Prometheus と Alertmanager の証明書を検証する CA の PEM ファイルです。"
            "空ならシステムの CA を使います。",
        ),
        impact=(
            "A certificate of another authority is refused.",
            "ほかの CA が署名した証明書は拒否されます。",
        ),
        example="/etc/scheduler/monitoring-ca.pem",
    )
    monitoring_timeout_seconds: float = setting(
        5.0,
        title=("Wait for the monitoring", "監視サーバーの応答待ち時間"),
        meaning=(
            "How long Prometheus and Alertmanager may take for one whole answer.",
            "Prometheus や Alertmanager の 1 回の応答を、全体でどれだけ待つかを表します。",
        ),
        impact=(
            "Pages that show figures wait so long at the most.",
            "値を表示するページは、最長でこの時間だけ待ちます。",
        ),
        example="5",
        ge=0.1,
        le=60,
        unit=SECONDS,
    )
    metrics_token: SecretStr = setting(
        SecretStr(""),
        title=("Metrics token", "メトリクスのトークン"),
        meaning=(
            "Who asks for /metrics must send it, as X-Scheduler-Token or as a bearer token. "
            "Empty: anybody who reaches the port may ask.",
            "/metrics の取得に必要な値です。X-Scheduler-Token か Bearer トークンで送ります。"
            "空なら、ポートに到達できる誰でも取得できます。",
        ),
        impact=(
            "Names of jobs and queues are shown to whoever may ask.",
            "取得できる者には、ジョブやキューの名前が見えます。",
        ),
        example="a long random text",
        secret=True,
    )
    metrics_max_jobs: int = setting(
        200,
        title=("Jobs told apart", "区別するジョブの数"),
        meaning=(
            "So many jobs, those seen first, have series of their own; the rest share the "
            'name "_other".',
            "先に現れたこの数までのジョブに個別の系列を割り当て、残りは「_other」にまとめます。",
        ),
        impact=(
            "Each job costs some 80 series per worker that runs it.",
            "1 ジョブにつき、それを実行するワーカーごとに約 80 系列が増えます。",
        ),
        example="200",
        ge=0,
        le=10000,
        unit=("jobs", "件"),
    )
    alert_high_load_enabled: bool = setting(
        True,
        title=("Alert on high load", "高負荷アラート"),
        meaning=(
            "Whether the rule SchedulerHighLoad may fire.",
            "ルール SchedulerHighLoad によるアラートを有効にするかどうかです。",
        ),
        impact=(
            "Takes effect with the next scrape; Prometheus needs no restart.",
            "次回の収集から反映されます。Prometheus の再起動は不要です。",
        ),
        example="true",
    )
    alert_role_change_enabled: bool = setting(
        True,
        title=("Alert on a new leader", "リーダー交代アラート"),
        meaning=(
            "Whether the rule SchedulerRoleChanged may fire.",
            "ルール SchedulerRoleChanged によるアラートを有効にするかどうかです。",
        ),
        impact=(
            "Takes effect with the next scrape; Prometheus needs no restart.",
            "次回の収集から反映されます。Prometheus の再起動は不要です。",
        ),
        example="true",
    )
