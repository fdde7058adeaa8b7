"""The timings and limits that the runtime works by, as plain numbers.

Built from the settings by ``scheduler.bootstrap``; replaced as a whole at a reload.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """All durations in seconds. Defaults are those of the settings of the same names."""

    lease_seconds: float = 30.0
    margin_seconds: float = 13.0
    kill_grace_seconds: float = 5.0
    lease_renew_seconds: float = 3.0
    heartbeat_seconds: float = 1.0
    lock_ttl_seconds: float = 5.0
    lock_beat_seconds: float = 0.25
    watch_seconds: float = 0.2
    leader_heartbeat_seconds: float = 1.0
    leader_stale_seconds: float = 4.0
    trust_seconds: float = 10.0
    trust_margin_seconds: float = 1.0
    ping_seconds: float = 1.0
    ping_batch_size: int = 50
    assign_ahead_seconds: float = 5.0
    reassign_assigned_after_seconds: float = 15.0
    continuation_confirm_seconds: float = 10.0
    skip_late_runs_after_seconds: int = 300
    anti_entropy_seconds: float = 10.0
    batch_size: int = 500
    waiting_limit: int = 5000
    start_cap_per_minute: int = 0
