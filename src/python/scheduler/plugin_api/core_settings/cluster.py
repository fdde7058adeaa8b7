"""Settings that say what this process is and what it is part of."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, SecretStr

from scheduler.plugin_api.settings import (
    Names,
    Pairs,
    Scope,
    SettingsModel,
    Words,
    setting,
)

REDIS_URL = re.compile(r"^(redis|rediss|unix|redis\+sentinel|rediss\+sentinel)://\S+$")


def checked_redis_url(value: SecretStr) -> SecretStr:
    """The value, when it is a URL that redis-py or the Sentinel discovery takes."""
    if not REDIS_URL.match(value.get_secret_value()):
        raise ValueError("not a Redis URL")
    return value


class ClusterSettings(SettingsModel):
    """Who I am: deployment, node, queues, labels, Redis, plugins."""

    group: ClassVar[Words] = Words("Cluster", "クラスタ")

    deployment: Literal["local", "k8s"] = setting(
        "local",
        title=("Kind of deployment", "デプロイ形態"),
        meaning=(
            "Where the scheduler runs: on plain hosts (local) or in Kubernetes (k8s).",
            "スケジューラの実行場所。通常のホストなら local、Kubernetes なら k8s を指定します。",
        ),
        impact=(
            "With k8s the plugin k8s_health asks the Kubernetes API.",
            "k8s にするとプラグイン k8s_health が Kubernetes API に問い合わせます。",
        ),
        example="k8s",
        restart_needed=True,
    )
    redis_url: Annotated[SecretStr, AfterValidator(checked_redis_url)] = setting(
        SecretStr("redis://localhost:6379/0"),
        title=("Redis URL", "Redis の接続先"),
        meaning=(
            "Where Redis is, as redis-py takes it; redis+sentinel:// finds the master by Sentinel.",
            "Redis の接続先。redis-py の形式で書きます。redis+sentinel:// を使うと Sentinel で"
            "マスターを探します。",
        ),
        impact=(
            "Election gate, presence and wake-ups go through it. All workers must use the same.",
            "リーダー選出の入口、生存通知、起床通知に使われます。全ワーカーで同じ値にしてください。",
        ),
        example="redis://:password@redis:6379/0",
        expects=(
            "a URL that begins with redis://, rediss://, unix://, redis+sentinel:// "
            "or rediss+sentinel://",
            "redis://、rediss://、unix://、redis+sentinel://、rediss+sentinel:// で始まる URL",
        ),
        secret=True,
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    node_id: str = setting(
        "",
        title=("Node name", "ノード名"),
        meaning=(
            "Name of the host or Kubernetes node this worker is on. Empty: the host's name.",
            "ワーカーが載っているホストまたは Kubernetes ノードの名前。空ならホスト名を使います。",
        ),
        impact=(
            "The SubLeader is chosen on another node than the leader's, by this name.",
            "サブリーダーは、この名前を見てリーダーとは別のノードから選ばれます。",
        ),
        example="k8s-worker",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    queues: Names = setting(
        ("default",),
        title=("Queues", "キュー"),
        meaning=(
            "The queues this worker takes runs from.",
            "このワーカーが実行を受け持つキューの一覧です。",
        ),
        impact=(
            "A run whose queue no worker takes waits, with the reason WAIT_NO_QUEUE.",
            "どのワーカーも受け持たないキューの実行は WAIT_NO_QUEUE の理由で待ち続けます。",
        ),
        example="default,heavy",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    labels: Pairs = setting(
        {},
        title=("Worker labels", "ワーカーのラベル"),
        meaning=(
            "Facts about this worker that jobs may ask for.",
            "ジョブが割り当ての条件に使える、このワーカーの属性です。",
        ),
        impact=(
            "A job that asks for labels runs only on workers that have all of them.",
            "ラベルを要求するジョブは、すべてのラベルを持つワーカーだけで実行されます。",
        ),
        example="zone=tokyo,disk=ssd",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    plugins: Names = setting(
        (),
        title=("Plugins", "プラグイン"),
        meaning=(
            "The plugins in use, in order: dotted paths of classes, or names from the "
            "entry-point group scheduler.plugins.",
            "有効にするプラグインの一覧(順序どおりに読み込み)。クラスのドット区切りパス、または"
            "エントリポイント群 scheduler.plugins の名前を書きます。",
        ),
        impact=(
            "A plugin that is installed but not listed does nothing. An unknown name stops the "
            "start.",
            "インストールしただけでは有効になりません。不明な名前があると起動を中止します。",
        ),
        example="myproject.plugins.AuditPlugin",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    events_api_token: SecretStr = setting(
        SecretStr(""),
        title=("Event API token", "イベント API トークン"),
        meaning=(
            "The secret that callers of POST /api/events/ingest/ send as X-Scheduler-Token. "
            "Empty: only signed-in users may post.",
            "POST /api/events/ingest/ の呼び出し側が X-Scheduler-Token に入れる秘密の値。"
            "空の場合はログイン済みの利用者だけが投稿できます。",
        ),
        impact=(
            "Whoever knows it can start every job that listens to events.",
            "この値を知る者は、イベントで起動するジョブをすべて起動できます。",
        ),
        example="a long random text",
        secret=True,
    )
