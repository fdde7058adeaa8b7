"""Settings of the event ingest: how much may come, and how fast."""

from typing import ClassVar

from scheduler.plugin_api.settings import SettingsModel, Words, setting

BYTES = ("bytes", "バイト")
EVENTS = ("events", "件")


class EventSettings(SettingsModel):
    """Bounds of POST /api/events/ingest/."""

    group: ClassVar[Words] = Words("Events", "イベント")

    events_max_bytes: int = setting(
        65_536,
        title=("Largest event", "イベントの最大サイズ"),
        meaning=(
            "How long one event may be, as the JSON that its jobs find in SCHEDULER_EVENT_JSON.",
            "1 件のイベントの最大の長さ。ジョブが SCHEDULER_EVENT_JSON で受け取る JSON の長さで"
            "数えます。",
        ),
        impact=(
            "Larger ones are refused with 422. A process's environment bounds it: 100,000 at most.",
            "超えたものは 422 で拒否します。プロセスの環境変数の制限により 100,000 が上限です。",
        ),
        example="65536",
        ge=256,
        le=100_000,
        unit=BYTES,
    )
    events_max_depth: int = setting(
        32,
        title=("Deepest nesting of an event", "イベントの入れ子の深さ"),
        meaning=(
            "How many levels of objects and lists a payload may have.",
            "ペイロードのオブジェクトと配列の入れ子の最大段数です。",
        ),
        impact=(
            "Deeper ones are refused with 422.",
            "超えたものは 422 で拒否します。",
        ),
        example="32",
        ge=1,
        le=200,
        unit=("levels", "段"),
    )
    events_max_batch: int = setting(
        500,
        title=("Events in one request", "1 回の投稿の最大件数"),
        meaning=(
            "How many events one POST may bring; they are taken all or none.",
            "1 回の POST に含められるイベントの数。全件を取り込むか、1 件も取り込みません。",
        ),
        impact=(
            "More are refused with 413. All of them are one transaction: many hold it open longer.",
            "超えると 413 で拒否します。全件が 1 つのトランザクションになるため、多いほど"
            "長く開きます。",
        ),
        example="500",
        ge=1,
        le=1000,
        unit=EVENTS,
    )
    events_max_request_bytes: int = setting(
        4_194_304,
        title=("Largest request", "1 回の投稿の最大サイズ"),
        meaning=(
            "How long the body of one POST of events may be.",
            "イベントの POST 1 回の本文の最大の長さです。",
        ),
        impact=(
            "Longer ones are refused with 413. They are held in memory while they are read.",
            "超えると 413 で拒否します。読み込み中はメモリに置かれます。",
        ),
        example="4194304",
        ge=1024,
        le=67_108_864,
        unit=BYTES,
    )
    events_per_minute: int = setting(
        60_000,
        title=("Events a minute", "1 分あたりのイベント数"),
        meaning=(
            "How many events one caller (a token or a user) may post in a minute. 0: no limit.",
            "1 つの呼び出し元(トークンまたは利用者)が 1 分間に投稿できるイベントの数。"
            "0 なら制限しません。",
        ),
        impact=(
            "More are refused with 429 and Retry-After. Each web process counts by itself.",
            "超えると 429 と Retry-After を返します。Web プロセスごとに数えます。",
        ),
        example="60000",
        ge=0,
        le=10_000_000,
        unit=EVENTS,
    )
