"""The plugin's settings: ``SCHEDULER_K8S_*``."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from scheduler.plugin_api.settings import (
    SECONDS,
    SettingsConfigDict,
    SettingsModel,
    Words,
    setting,
)

NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def checked_namespace(value: str) -> str:
    """The value, when it is empty or the name of a namespace (RFC 1123)."""
    if value and not NAMESPACE.fullmatch(value):
        raise ValueError("not the name of a namespace")
    return value


def checked_selector(value: str) -> str:
    """The value, when it selects at all: an empty one would take every pod for ours."""
    if not value.strip():
        raise ValueError("empty")
    return value.strip()


class KubernetesSettings(SettingsModel):
    """Which pods are ours, how long the API server may take, and when a loop counts as hung."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_K8S_")
    group: ClassVar[Words] = Words("Kubernetes health", "Kubernetes の稼働状況")

    pod_selector: Annotated[str, AfterValidator(checked_selector)] = setting(
        "app.kubernetes.io/part-of=scheduler",
        title=("Labels of our pods", "対象 Pod のラベル"),
        meaning=(
            "The label selector that finds the scheduler's own pods, written as kubectl -l takes "
            "it.",
            "スケジューラ自身の Pod を探すラベルセレクター。kubectl -l と同じ書き方です。",
        ),
        impact=(
            "Only these pods, and the disruption budgets that cover them, are judged.",
            "ここに一致する Pod と、それを対象とする PodDisruptionBudget だけを確認します。",
        ),
        example="app.kubernetes.io/part-of=scheduler",
        expects=(
            "a Kubernetes label selector, such as app.kubernetes.io/part-of=scheduler",
            "Kubernetes のラベルセレクター(例: app.kubernetes.io/part-of=scheduler)",
        ),
    )
    namespace: Annotated[str, AfterValidator(checked_namespace)] = setting(
        "",
        title=("Namespace", "名前空間"),
        meaning=(
            "The namespace of our pods. Empty: that of this process's own service account.",
            "対象 Pod の名前空間。空の場合は、このプロセスのサービスアカウントの名前空間を"
            "使います。",
        ),
        impact=(
            "The Role must be granted in the same namespace, else the answer is 403.",
            "Role も同じ名前空間で与えてください。与えていないと 403 になります。",
        ),
        example="scheduler",
        expects=(
            "the name of a namespace: lower-case letters, digits and hyphens, at most 63",
            "名前空間の名前(英小文字、数字、ハイフンで 63 文字まで)",
        ),
    )
    timeout_seconds: float = setting(
        2.0,
        title=("Time limit of one question", "問い合わせ 1 回の制限時間"),
        meaning=(
            "How long one question to the API server may take in all, its pages included. A check "
            "asks two at most, and has five seconds.",
            "API サーバーへの問い合わせ 1 回(複数ページの取得を含む)の制限時間です。1 つの確認は"
            "最大 2 回問い合わせ、5 秒以内に終わる必要があります。",
        ),
        impact=(
            "Past it the check says that the API server did not answer in time.",
            "超えると「時間内に応答がない」と表示します。",
        ),
        example="2",
        ge=0.2,
        le=2,
        unit=SECONDS,
    )
    cache_seconds: float = setting(
        10.0,
        title=("Answers kept for", "応答を使い回す時間"),
        meaning=(
            "How long each process shows the API server's last answer before it asks again.",
            "各プロセスが API サーバーの前回の応答を使い回す時間です。",
        ),
        impact=(
            "Shorter is fresher and asks more often: each open page asks anew.",
            "短くすると新しい状態が見えますが、画面を開くたびに問い合わせが増えます。",
        ),
        example="10",
        ge=1,
        le=300,
        unit=SECONDS,
    )
    recent_seconds: float = setting(
        3600.0,
        title=("A restart is recent for", "再起動を直近とみなす時間"),
        meaning=(
            "How long after a container's last end its restart, or its being out of memory, is "
            "shown as a warning.",
            "コンテナが最後に終了してから、再起動やメモリ不足を警告として表示し続ける時間です。",
        ),
        impact=(
            "Kubernetes counts restarts over a pod's whole life; older ones are no warning.",
            "Kubernetes は Pod の生存期間を通して再起動を数えます。これより古いものは警告に"
            "しません。",
        ),
        example="3600",
        ge=60,
        le=604_800,
        unit=SECONDS,
    )
    livez_hung_seconds: float = setting(
        120.0,
        title=("A loop is hung after", "ループを停止とみなす時間"),
        meaning=(
            "How long one step of a worker's own loop may take before /livez says 503.",
            "ワーカー内部のループの 1 回の処理がこの時間を超えると /livez が 503 を返します。",
        ),
        impact=(
            "Kubernetes then restarts the worker, and its runs are tried again elsewhere.",
            "Kubernetes がワーカーを再起動し、実行中のジョブは他のワーカーで再試行されます。",
        ),
        example="120",
        ge=5,
        le=3600,
        unit=SECONDS,
    )
