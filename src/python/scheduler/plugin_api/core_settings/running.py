"""Settings of planning, assignment and the running of jobs."""

from typing import ClassVar, Literal

from scheduler.plugin_api.settings import SECONDS, Scope, SettingsModel, Words, setting


class RunningSettings(SettingsModel):
    """When runs are planned, handed out, skipped and ended."""

    group: ClassVar[Words] = Words("Planning and runs", "計画と実行")

    skip_late_runs_after_seconds: int = setting(
        300,
        title=("Skip runs that are late by", "遅延実行をスキップするまでの時間"),
        meaning=(
            "A run that could not start within this time after it was due becomes SKIPPED "
            "(SKIP_LATE). A job may have its own value.",
            "予定時刻からこの時間内に開始できなかった実行を SKIPPED(SKIP_LATE)にします。"
            "ジョブごとの指定が優先されます。",
        ),
        impact=(
            "Keeps a backlog from flooding the workers after a long stop.",
            "長い停止のあとに、たまった実行がワーカーへ殺到するのを防ぎます。",
        ),
        example="300",
        ge=1,
        le=604800,
        unit=SECONDS,
    )
    start_cap_per_minute: int = setting(
        0,
        title=("Start cap of the cluster", "クラスタ全体の開始数の上限"),
        meaning=(
            "At most so many runs of all jobs together start in any 60 seconds; the others wait "
            "(WAIT_START_CAP). 0: no cap.",
            "すべてのジョブを合わせて、どの 60 秒間にも開始してよい実行の数です。"
            "超えた分は待機します(WAIT_START_CAP)。0 は上限なしです。",
        ),
        impact=(
            "Bounds the storm after an outage. While it is set no run is handed out before it is "
            "due, so starts are a little less punctual.",
            "障害復旧後の殺到を抑えます。設定中は予定時刻より前に実行を渡さないため、開始の正確さは"
            "わずかに下がります。",
        ),
        example="600",
        ge=0,
        le=1000000,
        unit=("starts", "件"),
    )
    assign_ahead_seconds: float = setting(
        5.0,
        title=("Assign ahead by", "先行割り当ての時間"),
        meaning=(
            "How long before its due time a run may be handed to a worker, which then starts it "
            "on the instant.",
            "予定時刻のどれだけ前から実行をワーカーへ渡してよいかを表します。ワーカーは予定時刻"
            "ちょうどに開始します。",
        ),
        impact=(
            "Longer: starts are punctual even in a burst; load is spread earlier.",
            "長くすると集中時も定刻に始まりますが、負荷の分散を早めに決めることになります。",
        ),
        example="5",
        ge=0,
        le=300,
        unit=SECONDS,
    )
    reassign_assigned_after_seconds: float = setting(
        15.0,
        title=("Take back unclaimed runs after", "未着手の割り当てを戻す時間"),
        meaning=(
            "A run that its worker has not begun this long after it was due goes back to PENDING.",
            "予定時刻からこの時間が過ぎてもワーカーが着手しない実行を PENDING に戻します。",
        ),
        impact=(
            "Shorter: a stuck worker delays less; too short moves runs about under load.",
            "短くすると滞ったワーカーの影響が減りますが、短すぎると高負荷時に移し替えが増えます。",
        ),
        example="15",
        ge=1,
        le=3600,
        unit=SECONDS,
    )
    max_jobs_per_worker: int = setting(
        8,
        title=("Runs per worker", "ワーカーあたりの同時実行数"),
        meaning=(
            "How many runs one worker has open at a time (the capacity it tells the leader).",
            "1 つのワーカーが同時に受け持つ実行の数(リーダーへ知らせる容量)です。",
        ),
        impact=(
            "Bounds memory and CPU of a host; runs beyond it wait with WAIT_CAPACITY.",
            "ホストのメモリと CPU の使用を抑えます。超えた分は WAIT_CAPACITY で待ちます。",
        ),
        example="8",
        ge=1,
        le=10000,
        unit=("runs", "件"),
        restart_needed=True,
    )
    kill_grace_seconds: float = setting(
        5.0,
        title=("Last starts before the lease's end", "リース終了前に開始を止める時間"),
        meaning=(
            "A worker whose lease ends within this time starts no run: it would be ended at once. "
            "(How long a run has between TERM and KILL is the job's own value.)",
            "リースの残りがこの時間を切ったワーカーは、すぐに終了させることになる実行を開始"
            "しません。(TERM から KILL までの猶予はジョブごとに指定します。)",
        ),
        impact=(
            "Longer: a worker that lost its lines stops starting runs sooner.",
            "長くすると、通信を失ったワーカーがより早く開始を止めます。",
        ),
        example="5",
        ge=0,
        le=600,
        unit=SECONDS,
    )
    spool_dir: str = setting(
        "var/spool",
        title=("Spool folder", "スプール用フォルダ"),
        meaning=(
            "Where a worker keeps results on disk while the RDB is away.",
            "RDB に書けない間、ワーカーが結果を保存しておく場所です。",
        ),
        impact=(
            "Must survive a restart of the worker, or results not yet written are lost.",
            "ワーカーの再起動後も残る場所にしてください。残らないと未送信の結果が失われます。",
        ),
        example="/var/lib/scheduler/spool",
        restart_needed=True,
        scope=Scope.PROCESS,
    )
    jobs_autodiscover: Literal["off", "plan", "apply"] = setting(
        "apply",
        title=("Jobs declared in code", "コードで宣言したジョブの反映"),
        meaning=(
            "What a starting worker does with the jobs that code declares by @scheduled: nothing "
            "(off), say in its log what would change (plan), or make them so (apply).",
            "@scheduled でコードに宣言したジョブを、ワーカーが起動時にどう扱うかを指定します。"
            "何もしない(off)、変更内容をログに出すだけ(plan)、反映する(apply)のいずれかです。",
        ),
        impact=(
            "A set of jobs is applied once, by one worker, when it is first seen; nothing is "
            "deleted, and jobs that people or files own are left alone.",
            "同じ宣言の組は最初に見つけた 1 つのワーカーが 1 回だけ反映します。削除は行わず、"
            "人やファイルが所有するジョブには触れません。",
        ),
        example="plan",
        restart_needed=True,
    )
