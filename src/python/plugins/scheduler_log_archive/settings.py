"""The plugin's settings."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from scheduler.plugin_api.settings import (
    SECONDS,
    Rule,
    Secret,
    SettingsConfigDict,
    SettingsModel,
    Words,
    setting,
)
from scheduler.plugin_api.web_address import EXPECTED, ServerAddress


def _folder(value: str) -> str:
    """``a/b`` of ``/a/b/``; ValueError for a part that is empty, ``.`` or ``..``."""
    parts = value.strip("/").split("/") if value.strip("/") else []
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError("no part of the prefix may be empty, . or ..")
    return "/".join(parts)


Prefix = Annotated[str, AfterValidator(_folder)]


def _keys_together(model: "LogArchiveSettings") -> bool:
    secret = model.log_archive_secret_access_key.get_secret_value()
    return bool(model.log_archive_access_key_id) == bool(secret)


class LogArchiveSettings(SettingsModel):
    """Where logs go, and what becomes of the local files."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_")
    group: ClassVar[Words] = Words("Log archive", "ログのアーカイブ")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("log_archive_access_key_id", "log_archive_secret_access_key"),
            _keys_together,
            "SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID and SCHEDULER_LOG_ARCHIVE_SECRET_ACCESS_KEY go "
            "together: set both, or neither to use the credentials of the environment.",
        ),
    )

    log_archive_enabled: bool = setting(
        False,
        title=("Archive logs", "ログのアーカイブ"),
        meaning=(
            "Whether the logs of runs are kept in the object store.",
            "実行ログをオブジェクトストレージへ保存するかどうかを指定します。",
        ),
        impact=(
            "Off: logs stay where they were written, and are lost with that machine.",
            "無効の場合、ログは書き込まれたマシンにだけ残り、そのマシンとともに失われます。",
        ),
        example="1",
    )
    log_archive_s3_endpoint_url: ServerAddress = setting(
        "",
        title=("S3 endpoint", "S3 エンドポイント"),
        meaning=(
            "The address of the object store. Empty: Amazon S3 in the region.",
            "オブジェクトストレージのアドレスです。空の場合はリージョンの Amazon S3 を使います。",
        ),
        impact=(
            "All uploads and reads go there, and nowhere else.",
            "アップロードも読み出しも、このアドレスだけを相手に行います。",
        ),
        example="http://127.0.0.1:9000",
        expects=EXPECTED,
    )
    log_archive_s3_region: str = setting(
        "",
        title=("S3 region", "S3 リージョン"),
        meaning=(
            "The region of the bucket. Empty: that of the environment, else us-east-1.",
            "バケットのリージョンです。空の場合は環境の設定に従い、なければ us-east-1 です。",
        ),
        impact=(
            "Amazon S3 refuses requests that are signed for another region.",
            "Amazon S3 は、異なるリージョン向けに署名した要求を拒否します。",
        ),
        example="ap-northeast-1",
    )
    log_archive_bucket: str = setting(
        "scheduler-logs",
        title=("Bucket", "バケット"),
        meaning=(
            "The bucket that holds the logs.",
            "ログを保存するバケットです。",
        ),
        impact=(
            "Changed: what was archived stays readable only where the old bucket is named again.",
            "変更すると、以前のバケットのログは、設定を戻すまで参照できません。",
        ),
        example="scheduler-logs",
    )
    log_archive_prefix: Prefix = setting(
        "",
        title=("Prefix", "プレフィックス"),
        meaning=(
            "What stands before the day in each key: PREFIX/2026-01-31/job/run.log.",
            "キーの日付の前に付ける文字列です(PREFIX/2026-01-31/ジョブ/実行.log)。",
        ),
        impact=(
            "Clusters that share a bucket need a prefix each.",
            "1 つのバケットを複数のクラスタで使う場合は、クラスタごとに変えてください。",
        ),
        example="production",
    )
    log_archive_public_base_url: ServerAddress = setting(
        "",
        title=("Public address", "公開アドレス"),
        meaning=(
            "The address by which people's browsers reach the object store: links are "
            "ADDRESS/BUCKET/KEY. Empty: the endpoint's.",
            "利用者のブラウザからオブジェクトストレージへ届くアドレスです。リンクは "
            "アドレス/バケット/キー になります。空の場合はエンドポイントを使います。",
        ),
        impact=(
            "Only links use it. The bucket must then allow anonymous reading, or a gateway must "
            "let people in.",
            "リンクにだけ使います。バケットの匿名読み取りを許可するか、認証するゲートウェイを"
            "用意してください。",
        ),
        example="https://logs.example.com",
        expects=EXPECTED,
    )
    log_archive_access_key_id: str = setting(
        "",
        title=("Access key id", "アクセスキー ID"),
        meaning=(
            "The name of the key. Empty: boto3's own search (environment, files, instance role).",
            "キーの ID です。空の場合は boto3 の標準の方法(環境変数、ファイル、インスタンスの"
            "ロール)で探します。",
        ),
        impact=(
            "It needs reading, writing, listing and deleting below the prefix.",
            "プレフィックス以下の読み取り、書き込み、一覧、削除の権限が必要です。",
        ),
        example="scheduler",
    )
    log_archive_secret_access_key: Secret = setting(
        Secret(""),
        title=("Secret access key", "シークレットアクセスキー"),
        meaning=("The secret of the key.", "キーのシークレットです。"),
        impact=("Never shown, logged or exported.", "表示、ログ出力、書き出しは行いません。"),
        secret=True,
    )
    log_local_delete_after_upload: bool = setting(
        False,
        title=("Delete local logs once archived", "アーカイブ後にローカルログを削除"),
        meaning=(
            "Whether a log file is deleted when its archived copy was verified.",
            "アーカイブした内容を検証したあと、ローカルのログファイルを削除するかを指定します。",
        ),
        impact=(
            "Keeps the disk of workers free; logs are then read from the archive.",
            "ワーカーのディスクを空けられます。以後、ログはアーカイブから読みます。",
        ),
        example="1",
    )
    log_archive_path_style: Literal["auto", "on", "off"] = setting(
        "auto",
        title=("Path-style addresses", "パス形式のアドレス"),
        meaning=(
            "Whether requests name the bucket in the path (on) or in the host name (off). auto: on "
            "where an endpoint is set.",
            "バケット名をパスに入れる(on)か、ホスト名に入れる(off)かを指定します。auto は"
            "エンドポイントを設定した場合に on になります。",
        ),
        impact=(
            "MinIO and SeaweedFS want on, Amazon S3 wants off.",
            "MinIO や SeaweedFS では on、Amazon S3 では off が適します。",
        ),
        example="on",
    )
    log_archive_ca_file: str = setting(
        "",
        title=("CA file of the endpoint", "エンドポイントの CA ファイル"),
        meaning=(
            "A PEM file with the authorities that the endpoint's certificate is checked against. "
            "Empty: the usual ones.",
            "エンドポイントの証明書を検証する認証局の PEM ファイルです。空の場合は標準の認証局を"
            "使います。",
        ),
        impact=(
            "Needed for a private authority. The check cannot be switched off.",
            "独自の認証局を使う場合に必要です。検証を無効にすることはできません。",
        ),
        example="/etc/scheduler/s3-ca.pem",
    )
    log_archive_create_bucket: bool = setting(
        False,
        title=("Create the bucket", "バケットの作成"),
        meaning=(
            "Whether a missing bucket is made at the first use.",
            "バケットがないとき、最初の利用時に作成するかを指定します。",
        ),
        impact=(
            "For development; elsewhere buckets are made with their policies by other means.",
            "開発環境向けです。本番ではポリシーとともに別の手段で作成してください。",
        ),
        example="1",
    )
    log_archive_expire_days: int = setting(
        0,
        title=("Archived logs expire after", "アーカイブの保存日数"),
        meaning=(
            "Where the bucket is made here, its objects below the prefix are deleted by the store "
            "after so many days (a lifecycle rule). 0: never.",
            "ここで作成したバケットについて、プレフィックス以下のオブジェクトをこの日数のあとに"
            "ストレージ側で削除します(ライフサイクル規則)。0 なら削除しません。",
        ),
        impact=(
            "A bucket that exists keeps the rules it has.",
            "既存のバケットの規則は変更しません。",
        ),
        example="90",
        ge=0,
        le=36500,
        unit=("days", "日"),
    )
    log_archive_chunk_seconds: float = setting(
        5.0,
        title=("Upload new output every", "出力をアップロードする間隔"),
        meaning=(
            "While a run goes on its new output is uploaded this often.",
            "実行中、この間隔で新しい出力をアップロードします。",
        ),
        impact=(
            "So much of a log may be missing when a worker and its disk are lost. Shorter: more "
            "requests.",
            "ワーカーがディスクごと失われたとき、この時間分のログが欠けることがあります。短くすると"
            "要求の数が増えます。",
        ),
        example="5",
        ge=0.5,
        le=3600,
        unit=SECONDS,
    )
    log_archive_compress_above_bytes: int = setting(
        65536,
        title=("Compress logs above", "圧縮するログの大きさ"),
        meaning=(
            "Larger logs are stored with gzip, marked so that browsers show them as text.",
            "これより大きいログは gzip で保存します。ブラウザではそのまま表示できます。",
        ),
        impact=(
            "Compressed logs take a tenth of the room, and reading their end means reading all.",
            "圧縮するとおよそ 10 分の 1 の容量になりますが、末尾を読むときも先頭から読みます。",
        ),
        example="65536",
        ge=0,
        le=1_000_000_000_000,
        unit=("bytes", "バイト"),
    )
    log_archive_presign_seconds: int = setting(
        0,
        title=("Presigned links last", "署名付きリンクの有効時間"),
        meaning=(
            "Links to logs carry a signature that is good for so long. 0: links are plain. Not "
            "used where a public address is set.",
            "ログへのリンクに、この時間だけ有効な署名を付けます。0 なら付けません。公開アドレスを"
            "設定した場合は使いません。",
        ),
        impact=(
            "For private buckets: whoever has the link may read the log until it expires.",
            "非公開バケット向けです。期限まではリンクを知る人が誰でもログを読めます。",
        ),
        example="300",
        ge=0,
        le=604800,
        unit=SECONDS,
    )
    log_archive_parallel_uploads: int = setting(
        4,
        title=("Uploads side by side", "同時アップロード数"),
        meaning=(
            "How many logs a worker uploads at a time.",
            "1 つのワーカーが同時にアップロードするログの数です。",
        ),
        impact=(
            "Each needs up to 30 MB of memory while a large log goes up.",
            "大きなログの送信中は、1 件あたり最大 30 MB のメモリを使います。",
        ),
        example="4",
        ge=1,
        le=32,
        unit=("logs", "件"),
    )
    log_archive_timeout_seconds: float = setting(
        10.0,
        title=("Time limit of a request", "要求の制限時間"),
        meaning=(
            "How long the object store may stay silent in a request before it counts as away.",
            "要求に対しストレージがこの時間応答しなければ、利用不可とみなします。",
        ),
        impact=(
            "Longer: slow stores are borne with; shorter: a dead one is noticed sooner.",
            "長くすると遅いストレージを許容し、短くすると停止に早く気付きます。",
        ),
        example="10",
        ge=0.2,
        le=120,
        unit=SECONDS,
    )
    log_archive_salvage_after_seconds: float = setting(
        300.0,
        title=("Save the logs of lost workers after", "失われたワーカーのログを救済する時間"),
        meaning=(
            "So long after a run ended whose worker is gone, the leader makes its log of the "
            "chunks that were uploaded.",
            "ワーカーが失われた実行について、終了からこの時間が過ぎると、リーダーがアップロード済み"
            "の断片からログを組み立てます。",
        ),
        impact=(
            "Time for a machine that comes back to upload the whole log itself.",
            "復帰したマシンが完全なログを自分でアップロードするための猶予です。",
        ),
        example="300",
        ge=0,
        le=604800,
        unit=SECONDS,
    )

    @property
    def path_style(self) -> bool:
        """Whether the bucket is named in the path."""
        if self.log_archive_path_style == "auto":
            return bool(self.log_archive_s3_endpoint_url)
        return self.log_archive_path_style == "on"
