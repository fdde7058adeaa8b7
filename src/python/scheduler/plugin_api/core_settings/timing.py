"""Settings of election and worker loss: the times in DESIGN's formulas, with their bounds.

L is the run lease, M its margin. The leader may call a worker lost only after L + M, the worker
gives up at L: so M must cover the killing and reaping, the drift of clocks and a second of slack.
"""

from typing import ClassVar

from scheduler.domain.liveness import minimum_margin
from scheduler.plugin_api.settings import SECONDS, Rule, SettingsModel, Words, setting

KILL_AND_REAP_SECONDS = 1.0


class TimingSettings(SettingsModel):
    """How soon silence is noticed, and by whom."""

    group: ClassVar[Words] = Words("Election and loss", "選出と障害検知")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("leader_stale_seconds", "leader_trust_seconds"),
            lambda s: s.leader_stale_seconds < s.leader_trust_seconds,
            "SCHEDULER_LEADER_STALE_SECONDS must be less than SCHEDULER_LEADER_TRUST_SECONDS",
        ),
        Rule(
            ("leader_lock_ttl_seconds", "leader_trust_seconds"),
            lambda s: s.leader_lock_ttl_seconds <= s.leader_trust_seconds,
            "SCHEDULER_LEADER_LOCK_TTL_SECONDS must not be greater than "
            "SCHEDULER_LEADER_TRUST_SECONDS",
        ),
        Rule(
            ("lease_renew_interval_seconds", "run_lease_seconds"),
            lambda s: s.lease_renew_interval_seconds * 3 <= s.run_lease_seconds,
            "SCHEDULER_RUN_LEASE_SECONDS must be at least three times "
            "SCHEDULER_LEASE_RENEW_INTERVAL_SECONDS, so that two lost renewals do no harm",
        ),
        Rule(
            ("run_lease_margin_seconds", "run_lease_seconds"),
            lambda s: (
                s.run_lease_margin_seconds
                >= minimum_margin(KILL_AND_REAP_SECONDS, s.run_lease_seconds)
            ),
            "SCHEDULER_RUN_LEASE_MARGIN_SECONDS must be at least 2 + 0.001 x "
            "SCHEDULER_RUN_LEASE_SECONDS: the time to kill and reap, clock drift and one second",
        ),
        Rule(
            ("kill_grace_seconds", "run_lease_seconds"),
            lambda s: s.kill_grace_seconds * 2 <= s.run_lease_seconds,
            "SCHEDULER_KILL_GRACE_SECONDS must be at most half of SCHEDULER_RUN_LEASE_SECONDS, "
            "or a worker would start no runs between two renewals",
        ),
        Rule(
            ("continuation_confirm_seconds", "run_lease_seconds"),
            lambda s: s.continuation_confirm_seconds < s.run_lease_seconds,
            "SCHEDULER_CONTINUATION_CONFIRM_SECONDS must be less than SCHEDULER_RUN_LEASE_SECONDS",
        ),
    )

    heartbeat_interval_seconds: float = setting(
        1.0,
        title=("Heartbeat interval", "ハートビート間隔"),
        meaning=(
            "How often a worker tells Redis that it is there, with its load.",
            "ワーカーが生存と負荷を Redis へ知らせる間隔です。",
        ),
        impact=(
            "A hint for operators and the leader; no run lives or dies by it.",
            "運用者とリーダーへの参考情報で、実行の存続には影響しません。",
        ),
        example="1",
        ge=0.1,
        le=60,
        unit=SECONDS,
    )
    lease_renew_interval_seconds: float = setting(
        3.0,
        title=("Lease renewal interval", "リース更新間隔"),
        meaning=(
            "How often a worker renews its lease row in the RDB.",
            "ワーカーが RDB のリース行を更新する間隔です。",
        ),
        impact=(
            "Shorter: doubts about a worker show sooner, with more small writes to the RDB.",
            "短くするとワーカーの異変に早く気付けますが、RDB への小さな書き込みが増えます。",
        ),
        example="3",
        ge=0.1,
        le=300,
        unit=SECONDS,
    )
    leader_lock_ttl_seconds: float = setting(
        5.0,
        title=("Leader lock lifetime", "リーダーロックの有効期間"),
        meaning=(
            "How long the lock in Redis outlives its last renewal.",
            "Redis 上のリーダーロックが、最後の更新からどれだけ残るかを表します。",
        ),
        impact=(
            "The lock only keeps contenders apart; the RDB's epoch decides who leads.",
            "ロックは候補同士の衝突を減らすだけで、リーダーを決めるのは RDB のエポックです。",
        ),
        example="5",
        ge=0.5,
        le=300,
        unit=SECONDS,
    )
    leader_stale_seconds: float = setting(
        4.0,
        title=("Leader is stale after", "リーダーを失効とみなす時間"),
        meaning=(
            "How long a leader may be silent before another worker takes over.",
            "リーダーの応答がこの時間ないと、別のワーカーが引き継ぎます。",
        ),
        impact=(
            "Shorter: faster take-over of a cut-off leader. Fencing keeps a wrong one harmless, "
            "but each one costs a moment.",
            "短くすると孤立したリーダーからの引き継ぎが速くなります。誤った引き継ぎはフェンシングで"
            "無害になりますが、そのつど少し時間を使います。",
        ),
        example="4",
        ge=1,
        le=300,
        unit=SECONDS,
    )
    leader_trust_seconds: float = setting(
        10.0,
        title=("Leader trusts itself for", "リーダーが自分を信頼する時間"),
        meaning=(
            "How long a leader whose renewals get no answer may still hold itself for the leader.",
            "更新の応答が得られないリーダーが、自分をリーダーとみなし続けてよい時間です。",
        ),
        impact=(
            "A new leader calls no worker lost before this and the lease have passed.",
            "新しいリーダーは、この時間とリースが過ぎるまでワーカーを喪失と判定しません。",
        ),
        example="10",
        ge=2,
        le=600,
        unit=SECONDS,
    )
    run_lease_seconds: float = setting(
        30.0,
        title=("Run lease (L)", "実行リース (L)"),
        meaning=(
            "How long a worker may go on running its jobs after the last answer that extended "
            "its lease.",
            "リースを延長する最後の応答のあと、ワーカーがジョブを実行し続けてよい時間です。",
        ),
        impact=(
            "Shorter: runs of a lost worker are retried sooner. Longer: a network break of that "
            "length kills no run.",
            "短くすると、喪失したワーカーの実行を早く再試行できます。長くすると、その長さまでの"
            "通信断では実行が止まりません。",
        ),
        example="30",
        ge=3,
        le=3600,
        unit=SECONDS,
        restart_needed=True,
    )
    run_lease_margin_seconds: float = setting(
        13.0,
        title=("Run lease margin (M)", "実行リースの余裕 (M)"),
        meaning=(
            "How much longer than the lease the leader waits before it calls a worker lost.",
            "リーダーがワーカーを喪失と判定する前に、リースに加えて待つ時間です。",
        ),
        impact=(
            "Covers killing and reaping, clock drift and a second of slack: so that no run is "
            "ever alive twice.",
            "強制終了と回収の時間、時計のずれ、1 秒の余裕を吸収し、同じ実行が二重に動くことを"
            "防ぎます。",
        ),
        example="13",
        ge=2,
        le=600,
        unit=SECONDS,
        restart_needed=True,
    )
    continuation_confirm_seconds: float = setting(
        10.0,
        title=("Confirm continuation after", "継続確認に入るまでの時間"),
        meaning=(
            "How long a worker may be silent before its lease is marked SUSPECT and its runs are "
            "shown as CONFIRMING.",
            "ワーカーの応答がこの時間ないと、リースを SUSPECT とし、実行を CONFIRMING(継続確認中)"
            "と表示します。",
        ),
        impact=(
            "A sign for operators, and no new runs for that worker; nothing is stopped yet.",
            "運用者への表示と、そのワーカーへの新規割り当ての停止だけで、実行は止めません。",
        ),
        example="10",
        ge=1,
        le=600,
        unit=SECONDS,
    )
    leader_ping_batch_size: int = setting(
        50,
        title=("Leader ping batch", "リーダー ping の同時数"),
        meaning=(
            "How many workers the leader pings at a time.",
            "リーダーが一度に ping するワーカーの数です。",
        ),
        impact=(
            "Larger: a big cluster is gone through faster, with more connections at once.",
            "大きくすると大規模クラスタを速く一巡できますが、同時接続が増えます。",
        ),
        example="50",
        ge=1,
        le=1000,
        unit=("workers", "台"),
    )
