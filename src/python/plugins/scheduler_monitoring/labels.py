"""Names of jobs as label values: a bounded number of them, however many jobs there are."""

from collections.abc import Callable, Iterable

OTHER = "_other"


class JobLabels:
    """The names that have series of their own, first come first served.

    A name once given stays: what is counted under it can so never go down. With ``limit`` raised
    later, jobs that shared ``_other`` get their own name for what is counted from then on.
    """

    def __init__(self, limit: Callable[[], int], known: Iterable[str] = ()) -> None:
        self._limit, self._known = limit, dict.fromkeys(known)
        self._known.pop(OTHER, None)

    def label(self, job_name: str) -> str:
        """The job's own name, or ``_other``."""
        if job_name in self._known:
            return job_name
        if len(self._known) >= self._limit():
            return OTHER
        self._known[job_name] = None
        return job_name

    @property
    def known(self) -> tuple[str, ...]:
        """The names given so far, in their order."""
        return tuple(self._known)
