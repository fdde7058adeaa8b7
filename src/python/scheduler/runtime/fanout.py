"""Several calls at once: the one place of the runtime that knows a thread pool."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Protocol


class Fanout(Protocol):
    """Runs calls side by side. Each call handles its own errors."""

    def run(self, calls: Sequence[Callable[[], None]]) -> None:
        """Run all and wait for all."""

    def spawn(self, call: Callable[[], None]) -> None:
        """Run one, soon; do not wait."""


class ThreadFanout:
    """On a pool of its own, so that nobody else's slow call delays these."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def run(self, calls: Sequence[Callable[[], None]]) -> None:
        for done in wait([self._pool.submit(call) for call in calls]).done:
            done.result()

    def spawn(self, call: Callable[[], None]) -> None:
        self._pool.submit(call)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
