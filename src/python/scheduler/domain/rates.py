"""How many events a caller may post: a bucket that holds a minute's worth and fills steadily."""

from dataclasses import dataclass

MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was left at ``at`` (seconds of one steady clock)."""

    left: float
    at: float


def take(bucket: Bucket | None, cost: int, per_minute: int, now: float) -> tuple[Bucket, float]:
    """Take ``cost`` out of a caller's bucket (None: it is full).

    Returns the bucket as it is then, and 0.0, or the seconds until there is enough; then nothing
    was taken. A cost above a whole minute's worth is let through when the bucket is full: no wait
    would be long enough for it."""
    full = float(per_minute)
    left = full
    if bucket is not None:
        left = min(full, bucket.left + max(0.0, now - bucket.at) * full / MINUTE_SECONDS)
    needed = min(float(cost), full)
    if needed > left:
        return Bucket(left, now), (needed - left) * MINUTE_SECONDS / full
    return Bucket(left - needed, now), 0.0
