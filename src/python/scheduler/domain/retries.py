"""What follows an attempt that did not succeed: nothing, another attempt, or quarantine.

Two policies that must not be mixed. A *failure* is the job's own: it is retried with
exponential back-off until ``max_attempts`` failures. An *orphan* is a run whose worker was lost:
the job may be innocent, so it is retried at once, even where ``max_attempts`` is 1. But a job
that kills its pod must not kill them all: when a slot has been orphaned ``max_orphans`` times,
its definition is quarantined until a person looks at it.

Randomness is an argument (``unit_random``, uniform in [0, 1)), so every decision can be replayed.
"""

from dataclasses import dataclass

from scheduler.domain.values import RetryPolicy


def next_delay(
    policy: RetryPolicy, attempt: int, unit_random: float, *, orphan_count: int = 0
) -> float | None:
    """Seconds until the next attempt after attempt number ``attempt`` failed; None: no more.

    ``attempt`` counts from 1 and includes orphaned attempts; ``orphan_count`` says how many of
    them those were, and they are not held against the job. The delay is
    ``backoff_seconds * backoff_factor ** (failures - 1)``, at most ``backoff_max_seconds``, then
    spread evenly over plus or minus ``jitter`` of itself.
    """
    failures = attempt - orphan_count
    if failures >= policy.max_attempts:
        return None
    delay = _backoff(policy, max(failures, 1))
    return max(0.0, delay * (1.0 + policy.jitter * (2.0 * unit_random - 1.0)))


def _backoff(policy: RetryPolicy, failures: int) -> float:
    try:
        raw = policy.backoff_seconds * policy.backoff_factor ** (failures - 1)
    except OverflowError:
        return policy.backoff_max_seconds
    return min(raw, policy.backoff_max_seconds)


@dataclass(frozen=True, slots=True)
class OrphanDecision:
    """What to write with the orphaned run. At most one of the two is set."""

    retry_delay_seconds: float | None
    quarantine: bool


def after_orphan(policy: RetryPolicy, orphan_count: int) -> OrphanDecision:
    """Decide for a slot that has now been orphaned ``orphan_count`` times, this one included."""
    if orphan_count >= policy.max_orphans:
        return OrphanDecision(None, quarantine=True)
    return OrphanDecision(0.0 if policy.retry_on_orphan else None, quarantine=False)
