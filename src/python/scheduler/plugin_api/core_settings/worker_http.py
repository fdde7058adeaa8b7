"""Settings of the small HTTP server in each worker, which serves the pages of plugins."""

from typing import ClassVar

from scheduler.plugin_api.core_settings.line import PORT_UNIT
from scheduler.plugin_api.settings import Scope, SettingsModel, Words, setting


class WorkerHttpSettings(SettingsModel):
    """Where a worker serves what its plugins show: figures, probes."""

    group: ClassVar[Words] = Words("Worker's HTTP server", "ワーカーの HTTP サーバー")

    worker_http_port: int = setting(
        0,
        title=("Worker HTTP port", "ワーカーの HTTP ポート"),
        meaning=(
            "The port of a worker's pages, such as /metrics and the probes of its plugins. If it "
            "is taken, the next free one of the 99 after it. 0: no HTTP server.",
            "ワーカーのページ(プラグインの /metrics や稼働確認など)を公開するポート。使用中なら"
            "続く 99 個のうち最初の空きポートを使います。0 なら HTTP サーバーを起動しません。",
        ),
        impact=(
            "The log says which port was taken (worker_http_listening). It speaks plain HTTP, GET "
            "and HEAD only.",
            "実際のポートはログ(worker_http_listening)に出ます。平文の HTTP で、GET と HEAD "
            "だけに応えます。",
        ),
        example="9464",
        ge=0,
        le=65436,
        unit=PORT_UNIT,
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    worker_http_host: str = setting(
        "127.0.0.1",
        title=("Worker HTTP host", "ワーカーの HTTP ホスト"),
        meaning=(
            "The address that the worker's HTTP server listens on.",
            "ワーカーの HTTP サーバーが待ち受けるアドレスです。",
        ),
        impact=(
            "127.0.0.1 is reached from this host only. In Kubernetes it is the pod's IP, "
            "so that the kubelet and Prometheus reach it; keep everybody else out by a "
            "network policy.",
            "127.0.0.1 は同じホストからだけ届きます。Kubernetes では kubelet や Prometheus が"
            "届くように Pod の IP を指定し、それ以外はネットワークポリシーで防いで"
            "ください。",
        ),
        example="10.42.0.17",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
