"""How long to wait after failures: longer each time, up to a limit, and never all at once. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """``first_seconds``, doubled with each failure in a row up to ``longest_seconds``; of that
    between half and all, by chance. Instants are seconds of any clock."""

    first_seconds: float
    longest_seconds: float
    failures: int = 0
    until: float = 0.0

    def failed(self, now: float, chance: float) -> None:
        """``chance`` is a random number from 0 to 1."""
        doubled = self.first_seconds * 2.0 ** min(self.failures, 60)
        self.until = now + min(doubled, self.longest_seconds) * (0.5 + chance / 2)
        self.failures += 1

    def succeeded(self) -> None:
        self.failures, self.until = 0, 0.0

    def left(self, now: float) -> float:
        """Seconds still to wait."""
        return max(0.0, self.until - now)
