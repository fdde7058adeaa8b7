"""How fast this machine forks a loaded Django process: the floor below any burst of starts."""

import os
import time

_BATCHES, _FORKS = 5, 40


def forks_per_second() -> float:
    """Forks per second of this very process, each child ending at once, one after another: the
    best of five batches of 40, since other work on the machine can only slow them down."""
    return round(_FORKS / min(_batch_seconds() for _ in range(_BATCHES)), 1)


def _batch_seconds() -> float:
    began = time.monotonic()
    for _ in range(_FORKS):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    return time.monotonic() - began
