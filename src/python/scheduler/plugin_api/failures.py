"""What went wrong in plugins: counted, logged, and kept to be shown."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock, current_thread, main_thread
from time import monotonic

from scheduler.plugin_api.limits import DidNotAnswer
from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.masking import mask_text

log = get_logger("scheduler.plugins")

SHORTEST_SECRET = 4
"""Shorter ones would be found in every text."""

SAME_AGAIN_SECONDS = 10.0
"""The same failure of the same hook is logged at most so often; a hook may fail with every run."""


def told(error: BaseException) -> str:
    """Type and message in one line; the type alone of an error that cannot be written."""
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def pass_on_interrupt(error: BaseException) -> None:
    """Raise Ctrl-C again: it comes from a person, and to the main thread alone. Whatever else a
    plugin raises is its failure, also what would end a thread (``sys.exit``, a canceled task)."""
    if isinstance(error, KeyboardInterrupt) and current_thread() is main_thread():
        raise error


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

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._found: dict[tuple[str, str], PluginFailure] = {}
        self._logged: dict[tuple[str, str], tuple[str, float]] = {}
        self._secrets: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on no text kept here holds one of these."""
        self._secrets = tuple(one for one in secrets if len(one) >= SHORTEST_SECRET)

    def masked(self, text: str) -> str:
        """``text`` without secrets (those known, and what looks like one), fit to be written: a
        file's name that is no UTF-8 may stand in an error."""
        return mask_text(text, self._secrets).encode("utf-8", "backslashreplace").decode("utf-8")

    def add(self, plugin: str, hook: str, error: BaseException) -> None:
        """Count one failure, and log it with its traceback."""
        text = self.masked(told(error))
        with self._lock:
            before = self._found.get((plugin, hook))
            count = before.count + 1 if before else 1
            self._found[plugin, hook] = PluginFailure(plugin, hook, count, text, datetime.now(UTC))
            if not self._is_news(plugin, hook, text):
                return
        # Rendered here: a library that makes it prettier would show the values of variables.
        where = {} if isinstance(error, DidNotAnswer) else {"exception": self._traceback(error)}
        log.warning("plugin_failed", plugin=plugin, hook=hook, count=count, error=text, **where)

    def all(self) -> tuple[PluginFailure, ...]:
        """Every pair of plugin and hook that failed, in the order of first failure."""
        with self._lock:
            return tuple(self._found.values())

    def _is_news(self, plugin: str, hook: str, text: str) -> bool:
        now = self._clock()
        known, at = self._logged.get((plugin, hook), ("", 0.0))
        if known == text and now < at + SAME_AGAIN_SECONDS:
            return False
        self._logged[plugin, hook] = (text, now)
        return True

    def _traceback(self, error: BaseException) -> str:
        return self.masked("".join(traceback.format_exception(error)).rstrip())
