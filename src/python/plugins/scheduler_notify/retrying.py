"""When a notice that was not delivered is sent again. Pure: chance is an argument."""

from datetime import datetime, timedelta

FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 900.0
LONGEST_ASKED_SECONDS = 3600.0
LONGEST_PAUSE_SECONDS = 60.0
JITTER = 0.2


def delay_seconds(attempts: int, chance: float, asked_seconds: float | None = None) -> float:
    """How long to wait after the attempt of this number (from 1): doubled each time, varied by a
    fifth with ``chance`` (0 to 1), and not less than the receiver asked for, up to an hour."""
    doubled = FIRST_DELAY_SECONDS * 2.0 ** min(attempts - 1, 20)
    varied = min(doubled, LONGEST_DELAY_SECONDS) * (1 - JITTER + 2 * JITTER * chance)
    return max(varied, min(asked_seconds or 0.0, LONGEST_ASKED_SECONDS))


def pause_seconds(failures: int, delay: float, asked_seconds: float | None = None) -> float:
    """How long the whole channel pauses after so many failures in a row (from 1): doubled each
    time up to LONGEST_PAUSE_SECONDS, and as long as the receiver asked for within ``delay``."""
    doubled = min(2.0 ** min(failures, 20), LONGEST_PAUSE_SECONDS)
    return max(doubled, min(asked_seconds or 0.0, delay))


def is_given_up(queued_at: datetime, now: datetime, give_up_after_seconds: float) -> bool:
    """Whether a notice has been tried for long enough."""
    return now - queued_at >= timedelta(seconds=give_up_after_seconds)
