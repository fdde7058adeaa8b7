"""What went wrong in plugins: counted, logged, and kept to be shown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.masking import mask_text

log = get_logger("scheduler.plugins")


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """How often one hook of one plugin failed in this process, and what it said last."""

    plugin: str
    hook: str
    count: int
    last_error: str
    last_at: datetime


class PluginFailures:
    """Counts what went wrong in plugins. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[tuple[str, str], PluginFailure] = {}

    def add(self, plugin: str, hook: str, error: BaseException) -> None:
        """Count and log one failure. The exception being handled goes into the log."""
        text = mask_text(f"{type(error).__name__}: {error}")
        with self._lock:
            before = self._found.get((plugin, hook))
            count = before.count + 1 if before else 1
            failure = PluginFailure(plugin, hook, count, text, datetime.now(UTC))
            self._found[plugin, hook] = failure
        log.warning(
            "plugin_failed", plugin=plugin, hook=hook, count=count, error=text, exc_info=error
        )

    def all(self) -> tuple[PluginFailure, ...]:
        """Every pair of plugin and hook that failed, in the order of first failure."""
        with self._lock:
            return tuple(self._found.values())
