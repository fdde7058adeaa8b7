"""Times to recover, shown as they are measured: what the table in docs/failures.md rests on."""

import time
from collections.abc import Callable
from typing import Self


class Stopwatch:
    """``with`` nothing: it runs from its making. ``say`` prints one line past pytest's capture."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show, self._began = show, time.monotonic()

    def restart(self) -> Self:
        self._began = time.monotonic()
        return self

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def say(self, what: str) -> float:
        """Show the seconds since the start, and return them."""
        seconds = self.seconds
        self._show(f"recovery: {what}: {seconds:.1f} s")
        return seconds

    def note(self, what: str) -> None:
        """Show another figure."""
        self._show(f"recovery: {what}")
