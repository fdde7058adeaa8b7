"""How a notice is not delivered."""

from scheduler.plugin_api.errors import SchedulerError

ATTEMPT_SECONDS = 120.0
"""No attempt takes longer, however its receiver drips."""


class NotDelivered(SchedulerError):
    """A notice did not reach its channel. ``retry_after_seconds`` is what the receiver asked for.

    ``why`` names the host at most: the rest of a webhook's address is a secret."""

    code = "NOTICE_NOT_DELIVERED"

    def __init__(
        self, channel: str, why: str, step: str, retry_after_seconds: float | None = None
    ) -> None:
        self.channel, self.retry_after_seconds = channel, retry_after_seconds
        super().__init__(f"{why}; {step}.")
