"""What goes wrong with single calls: the odds, and the dice.

Every call of a simulated process to the RDB, to Redis or to a worker passes here. A calm weather
rolls no dice at all. The odds are per call; what happens to whole lines, machines and servers
(cuts, crashes, restarts) is in ``faults``.
"""

from dataclasses import dataclass, replace
from enum import Enum
from random import Random


@dataclass(frozen=True, slots=True)
class Odds:
    """Probabilities per call; durations in seconds are upper bounds of a skewed draw."""

    pause: float = 0.0
    """The whole process is stopped in the middle of the call (SIGSTOP, a paused VM)."""
    pause_seconds: float = 90.0
    slow: float = 0.0
    """This one call takes long; the process goes on."""
    slow_seconds: float = 12.0
    request_lost: float = 0.0
    answer_lost: float = 0.0
    """Carried out, but the caller gets an error."""
    late: float = 0.0
    """The caller gets an error; the call is carried out later."""
    late_seconds: float = 180.0
    doubled: float = 0.0
    usual_seconds: float = 0.004
    """Round trips of a healthy day."""

    def rarer(self, share: float) -> "Odds":
        """The same troubles of calls, as often as ``share`` says."""
        return replace(
            self,
            slow=self.slow * share,
            request_lost=self.request_lost * share,
            answer_lost=self.answer_lost * share,
            late=self.late * share,
            doubled=self.doubled * share,
        )


CALM = Odds()


class Fate(Enum):
    DONE = "done"
    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"
    LATE = "late"
    DOUBLED = "doubled"


class Dice:
    """Draws from the seed. ``odds`` may be exchanged at any time."""

    def __init__(self, random: Random, odds: Odds = CALM) -> None:
        self.random, self.odds = random, odds

    def fate(self) -> Fate:
        odds, roll = self.odds, self.random.random()
        for fate, share in (
            (Fate.REQUEST_LOST, odds.request_lost),
            (Fate.ANSWER_LOST, odds.answer_lost),
            (Fate.LATE, odds.late),
            (Fate.DOUBLED, odds.doubled),
        ):
            if roll < share:
                return fate
            roll -= share
        return Fate.DONE

    def pause(self) -> float:
        """How long the process is stopped here; mostly 0."""
        if self.odds.pause and self.random.random() < self.odds.pause:
            return self.skewed(self.odds.pause_seconds)
        return 0.0

    def trip(self) -> float:
        """How long one way of this call takes; often nothing, so that it costs no event."""
        if self.odds.slow and self.random.random() < self.odds.slow:
            return self.skewed(self.odds.slow_seconds)
        if self.random.random() < 0.8:
            return 0.0
        return self.random.uniform(0.0, self.odds.usual_seconds)

    def late(self) -> float:
        return self.skewed(self.odds.late_seconds)

    def skewed(self, most: float) -> float:
        """Short ones are common, long ones happen: up to ``most`` seconds."""
        return float(most * self.random.random() ** 2)
