"""A journal in memory, for tests and simulations: ``ports.Journal``."""

from collections.abc import Sequence

from scheduler.domain.values import Claim, RunResult


class MemoryJournal:
    """Keeps all; ``fails`` (an exception) is raised by each write after it was kept."""

    def __init__(self) -> None:
        self._claims: list[Claim] = []
        self._results: list[tuple[float, RunResult]] = []
        self.fails: Exception | None = None

    def claimed(self, claims: Sequence[Claim]) -> None:
        self._claims.extend(claims)
        self._check()

    def finished(self, results: Sequence[RunResult], now: float) -> None:
        self._results.extend((now, result) for result in results)
        self._check()

    def claims(self, since: float) -> list[Claim]:
        return [claim for claim in self._claims if claim.at >= since]

    def results(self, since: float) -> list[RunResult]:
        return [result for at, result in self._results if at >= since]

    def _check(self) -> None:
        if self.fails is not None:
            raise self.fails
