"""Who may read /metrics."""

from collections.abc import Mapping

from scheduler.plugin_api.header_tokens import shows


def may_read(token: str, headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers (names in lower case) shows ``token``, as
    ``X-Scheduler-Token`` or as ``Authorization: Bearer``. With an empty token anybody may."""
    return not token or shows(headers, token)
