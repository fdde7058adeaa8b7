"""One time for a whole simulated world: a heap of events, and actions that may take time.

Everything that happens is an action at an instant. An action runs the real code of some process
and may *take* time in the middle (``sleep``): a slow statement, a stopped process, a lost message.
Then the rest of the world goes on and the action continues later, with its stack as it was. For
that each action has a thread, but exactly one of them runs at any time (they hand on one baton),
so nothing depends on how the machine schedules threads: the same seed gives the same run.

A ``Life`` is what a crash or a pause hits: a process from its start to its end. No action of a
stopped life runs before it is continued; none of a dead life runs at all, and one that was in the
middle is unwound by ``LifeOver``.
"""

import faulthandler
import heapq
from collections.abc import Callable, Sequence
from itertools import count
from threading import Lock, Thread, local

Action = Callable[[], None]

STUCK_SECONDS = 20.0
"""Real time without a step after which a phase is stuck: an action blocks on a real lock."""


class LifeOver(BaseException):
    """The life that this action belongs to has ended: unwind, with no further effect."""


class Life:
    """One process: alive or dead, running or stopped until an instant."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.stopped_until = 0.0

    def stop(self, until: float) -> None:
        """SIGSTOP, with the SIGCONT already known."""
        self.stopped_until = max(self.stopped_until, until)

    def end(self) -> None:
        """SIGKILL."""
        self.alive = False


class Parked:
    """An action in the middle, waiting for its instant (or for ``Timeline.wake``)."""

    __slots__ = ("gate", "life", "over")

    def __init__(self, gate: Lock, life: Life) -> None:
        self.gate, self.life, self.over = gate, life, False


class Timeline:
    """``now`` is true time in seconds from the start; machines have clocks of their own.

    ``after_each`` is called after each action and each continuation.
    """

    def __init__(self, after_each: Action = lambda: None) -> None:
        self.now = 0.0
        self.steps = 0
        self._after_each = after_each
        self._heap: list[tuple[float, int, Life | None, Action | Parked]] = []
        self._order = count()
        self._until = 0.0
        self._idle: list[Lock] = []
        self._parked: set[Parked] = set()
        self._mine = local()
        self._threads: list[Thread] = []
        self._phase_over = Lock()
        self._phase_over.acquire()
        self._failure: BaseException | None = None
        self._closed = False

    # ------------------------------------------------------------------- for the world

    def at(self, when: float, action: Action, life: Life | None = None) -> None:
        """Do this at that instant (not before now), unless its life is over by then."""
        heapq.heappush(self._heap, (max(when, self.now), next(self._order), life, action))

    def after(self, seconds: float, action: Action, life: Life | None = None) -> None:
        self.at(self.now + seconds, action, life)

    def run(self, until: float) -> None:
        """Let the world go on until that instant; raises what an action raised."""
        self._until = until
        self._hand_on()
        steps = -1
        while not self._phase_over.acquire(timeout=STUCK_SECONDS):
            if steps == self.steps:
                faulthandler.dump_traceback()
                raise TimeoutError(f"the simulation is stuck at {self.now:.3f}")
            steps = self.steps
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def halt(self) -> None:
        """End the phase under way after this action."""
        self._until = self.now

    def close(self) -> None:
        """Unwind everything that is still in the middle and end all threads."""
        self._closed = True
        for gate in [*(parked.gate for parked in self._parked), *self._idle]:
            gate.release()
        for thread in self._threads:
            thread.join(5.0)

    # ------------------------------------------------------------------- inside an action

    def sleep(self, seconds: float, life: Life) -> None:
        """Let time pass in the middle of an action. Raises LifeOver."""
        self._check(life)
        parked = Parked(self._gate(), life)
        heapq.heappush(self._heap, (self.now + max(0.0, seconds), next(self._order), life, parked))
        self._park(parked)

    def all_of(self, actions: Sequence[Action], life: Life) -> None:
        """Run actions side by side and wait for all of them. Raises LifeOver."""
        self._check(life)
        left = len(actions)
        parked = Parked(self._gate(), life)

        def finishing(action: Action) -> Action:
            def run() -> None:
                nonlocal left
                action()
                left -= 1
                if left == 0:
                    heapq.heappush(self._heap, (self.now, next(self._order), life, parked))

            return run

        for action in actions:
            self.at(self.now, finishing(action), life)
        if actions:
            self._park(parked)

    # ------------------------------------------------------------------------- the baton

    def _check(self, life: Life) -> None:
        if self._closed or not life.alive:
            raise LifeOver(life.name)

    def _gate(self) -> Lock:
        if not hasattr(self._mine, "gate"):
            self._mine.gate = Lock()
            self._mine.gate.acquire()
        gate: Lock = self._mine.gate
        return gate

    def _hand_on(self) -> None:
        """Somebody else turns the wheel from here."""
        if self._idle:
            self._idle.pop().release()
            return
        thread = Thread(target=self._turn, name="timeline", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _park(self, parked: Parked) -> None:
        self._parked.add(parked)
        self._hand_on()
        parked.gate.acquire()
        self._parked.discard(parked)
        if self._closed or parked.over:
            raise LifeOver(parked.life.name)

    def _rest(self) -> None:
        """Nothing for this thread: wait until it is given the baton again."""
        gate = self._gate()
        self._idle.append(gate)

    def _turn(self) -> None:
        while not self._closed:
            if self._failure is not None or not self._heap or self._heap[0][0] > self._until:
                self._rest()
                if self._failure is None:
                    self.now = max(self.now, self._until)
                self._phase_over.release()
                self._gate().acquire()
                continue
            self._step()

    def _step(self) -> None:
        at, _, life, what = heapq.heappop(self._heap)
        self.now = at
        if life is not None and life.alive and life.stopped_until > at:
            heapq.heappush(self._heap, (life.stopped_until, next(self._order), life, what))
            return
        self.steps += 1
        if isinstance(what, Parked):
            what.over = not what.life.alive
            self._rest()
            what.gate.release()
            self._gate().acquire()
            return
        if life is None or life.alive:
            self._do(what)

    def _do(self, action: Action) -> None:
        try:
            action()
        except LifeOver:
            return
        except BaseException as failure:
            self._failure = self._failure or failure
            return
        if self._closed:
            return
        try:
            self._after_each()
        except BaseException as failure:
            self._failure = self._failure or failure
