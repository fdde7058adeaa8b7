"""Every error this platform raises on purpose, by type.

The promise: an error says *what* went wrong, *which* thing it was and *what to do next*, in
one sentence that may be shown to a person as it stands. Its numbers and names are attributes
too, so that no caller ever parses a message. ``code`` is stable: it is what logs, the API and
``docs/errors.md`` call the error. No message carries a secret: values that may be secret are
named, never quoted.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class SchedulerError(Exception):
    """The root of all our errors; ``str(error)`` is the whole sentence."""

    code: ClassVar[str] = "SCHEDULER_ERROR"


class InvalidSchedule(SchedulerError):
    """A schedule cannot be understood or can never fire. ``field`` is the spec's own name."""

    code = "INVALID_SCHEDULE"

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field, self.value, self.allowed = field, value, allowed
        shown = "missing" if value is None else _shown(value)
        super().__init__(f"Schedule field {field!r} is {shown}; allowed: {allowed}.")


class InvalidArgs(SchedulerError):
    """The arguments of a job are not what its executor takes."""

    code = "INVALID_ARGS"

    def __init__(self, job: str, problem: str, allowed: str) -> None:
        self.job, self.problem, self.allowed = job, problem, allowed
        super().__init__(f"Arguments of job {job!r}: {problem}; allowed: {allowed}.")


class InvalidDependency(SchedulerError):
    """A dependency of a job cannot be understood. ``field`` is the spec's own name."""

    code = "INVALID_DEPENDENCY"

    def __init__(self, job: str, field: str, value: object, allowed: str) -> None:
        self.job, self.field, self.value, self.allowed = job, field, value, allowed
        shown = "missing" if value is None else _shown(value)
        super().__init__(f"Dependency of job {job!r}: {field} is {shown}; allowed: {allowed}.")


class DependencyCycle(SchedulerError):
    """A job would wait for itself. ``cycle`` names the jobs in the order of their runs."""

    code = "DEPENDENCY_CYCLE"

    def __init__(self, cycle: Iterable[str]) -> None:
        self.cycle = tuple(cycle)
        way = " -> ".join(self.cycle)
        super().__init__(f"Job {self.cycle[0]!r} would wait for itself: {way}; leave one out.")


class UpstreamInUse(SchedulerError):
    """A job that others depend on cannot be deleted. ``dependents`` are their names."""

    code = "UPSTREAM_IN_USE"

    def __init__(self, job: str, dependents: Iterable[str]) -> None:
        self.job, self.dependents = job, tuple(dependents)
        named = ", ".join(repr(name) for name in self.dependents)
        super().__init__(
            f"Job {job!r} cannot be deleted: it is upstream of {named}; "
            "take it out of their dependencies first."
        )


class InvalidSetting(SchedulerError):
    """A setting has a value outside its bounds. Pass ``value=None`` for a secret."""

    code = "INVALID_SETTING"

    def __init__(self, name: str, value: object | None, allowed: str) -> None:
        self.name, self.value, self.allowed = name, value, allowed
        shown = "has a bad value" if value is None else f"is {_shown(value)}"
        super().__init__(f"Setting {name} {shown}; allowed: {allowed}.")


class StaleEpoch(SchedulerError):
    """A leader found a newer epoch than its own: it is deposed and must stop writing."""

    code = "STALE_EPOCH"

    def __init__(self, mine: int, current: int, leader_worker_id: str | None) -> None:
        self.mine, self.current, self.leader_worker_id = mine, current, leader_worker_id
        leader = leader_worker_id or "unknown"
        super().__init__(f"StaleEpoch: {mine} is behind {current} (leader {leader}); stepping down")


class IllegalTransition(SchedulerError):
    """A change of state that the table in ``domain.transitions`` does not hold."""

    code = "ILLEGAL_TRANSITION"

    def __init__(self, old: str, new: str, allowed: Iterable[str]) -> None:
        self.old, self.new, self.allowed = str(old), str(new), tuple(map(str, allowed))
        choices = ", ".join(self.allowed) or "none, it is final"
        super().__init__(f"A run cannot go from {old} to {new}; allowed from {old}: {choices}.")


class DatabaseUnavailable(SchedulerError):
    """The RDB did not answer. The outcome of the statement under way is unknown."""

    code = "DATABASE_UNAVAILABLE"

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(f"The database at {where} is not available ({why}); check DATABASE_URL.")


class TimelineChanged(DatabaseUnavailable):
    """The RDB failed over since the caller last looked. The statement was not executed."""

    code = "TIMELINE_CHANGED"

    def __init__(self, where: str, known: int, current: int) -> None:
        self.known, self.current = known, current
        super().__init__(where, f"it failed over from timeline {known} to {current}")


class RedisUnavailable(SchedulerError):
    """Redis did not answer. Nothing is lost: it only speeds up what the RDB decides."""

    code = "REDIS_UNAVAILABLE"

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(f"Redis at {where} is not available ({why}); check SCHEDULER_REDIS_URL.")


class PeerUnreachable(SchedulerError):
    """A gRPC call found no peer. ``refused`` is True only if the machine itself said no:
    something answered at the address, but nobody listens on the port."""

    code = "PEER_UNREACHABLE"

    def __init__(self, address: str, refused: bool, why: str = "") -> None:
        self.address, self.refused, self.why = address, refused, why
        cause = "refused the connection" if refused else "did not answer"
        detail = f" ({why})" if why else ""
        super().__init__(f"The worker at {address} {cause}{detail}; check that it runs.")


class CertificateProblem(SchedulerError):
    """A TLS file is missing, unreadable, expired or signed by another CA."""

    code = "CERTIFICATE_PROBLEM"

    def __init__(self, path: str, problem: str, next_step: str) -> None:
        self.path, self.problem, self.next_step = path, problem, next_step
        super().__init__(f"Certificate file {path} {problem}; {next_step}.")


class UnknownCommand(SchedulerError):
    """A job names a management command that this project does not have."""

    code = "UNKNOWN_COMMAND"

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        self.name, self.nearest = name, _nearest(name, known)
        hint = f"did you mean {self.nearest!r}?" if self.nearest else "check INSTALLED_APPS."
        super().__init__(f"Management command {name!r} does not exist; {hint}")


class UnknownExecutor(SchedulerError):
    """A job names an executor that neither the core nor an enabled plugin brings."""

    code = "UNKNOWN_EXECUTOR"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, tuple(sorted(known))
        super().__init__(f"Executor {name!r} does not exist; available: {', '.join(self.known)}.")


class PluginProblem(SchedulerError):
    """A plugin cannot be found, loaded or trusted with a hook."""

    code = "PLUGIN_PROBLEM"

    def __init__(self, plugin: str, problem: str, next_step: str) -> None:
        self.plugin, self.problem, self.next_step = plugin, problem, next_step
        super().__init__(f"Plugin {plugin!r} {problem}; {next_step}.")


class JobNotFound(SchedulerError):
    """No job definition has this name."""

    code = "JOB_NOT_FOUND"

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        self.name, self.nearest = name, _nearest(name, known)
        hint = f"did you mean {self.nearest!r}?" if self.nearest else "check its name."
        super().__init__(f"There is no job {name!r}; {hint}")


class InvalidCalendar(SchedulerError):
    """A business calendar cannot be understood. ``field`` is its own name for what is wrong."""

    code = "INVALID_CALENDAR"

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field, self.value, self.allowed = field, value, allowed
        shown = "missing" if value is None else _shown(value)
        super().__init__(f"Calendar field {field!r} is {shown}; allowed: {allowed}.")


class CalendarNotFound(SchedulerError):
    """No business calendar has this name."""

    code = "CALENDAR_NOT_FOUND"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.known = name, tuple(sorted(known))
        super().__init__(
            f"There is no calendar {name!r}; there are: {', '.join(self.known) or 'none yet'}."
        )


class CalendarInUse(SchedulerError):
    """A calendar cannot go while jobs are planned by it."""

    code = "CALENDAR_IN_USE"

    def __init__(self, name: str, jobs: Iterable[str]) -> None:
        self.name, self.jobs = name, tuple(sorted(jobs))
        more = f" and {len(self.jobs) - 10} more" if len(self.jobs) > 10 else ""
        super().__init__(
            f"Calendar {name!r} is used by {', '.join(self.jobs[:10])}{more};"
            " give these jobs another calendar, or none, first."
        )


class ManagedByCode(SchedulerError):
    """A person, or another source, tried to change a job that code or a file owns."""

    code = "MANAGED_BY_CODE"

    def __init__(self, job: str, owner: str) -> None:
        self.job, self.owner = job, owner
        super().__init__(
            f"Job {job!r} is managed by {owner}: change it there, "
            f"or take it over first (manage.py scheduler_jobs release {job})."
        )


class NotTheOwner(SchedulerError):
    """A source of definitions declares jobs that it does not own. ``jobs``: (name, owner)."""

    code = "NOT_THE_OWNER"

    def __init__(self, source: str, jobs: Iterable[tuple[str, str]]) -> None:
        self.source, self.jobs = source, tuple(jobs)
        shown = ", ".join(f"{name!r} ({owner or 'a person'})" for name, owner in self.jobs[:10])
        super().__init__(
            f"{source} declares jobs that others own: {shown}; nothing was changed. "
            "Take them out, or add --take-over to own them from now on."
        )


class InvalidDeclaration(SchedulerError):
    """A job declared in code or in a file cannot be used. ``where`` is file:line."""

    code = "INVALID_DECLARATION"

    def __init__(self, where: str, job: str, field: str, problem: str, allowed: str) -> None:
        self.where, self.job, self.field = where, job, field
        self.problem, self.allowed = problem, allowed
        parts = [where, f"job {job!r}" if job else "", f"field {field!r}" if field else ""]
        place = ", ".join(part for part in parts if part)
        super().__init__(f"{place}: {problem}; allowed: {allowed}.")


class DeclarationsChanged(SchedulerError):
    """Somebody else wrote one of the jobs while they were applied; nothing was changed."""

    code = "DECLARATIONS_CHANGED"

    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__(
            f"Jobs of {source} were changed by somebody else at the same time; "
            "nothing was changed here: run it again."
        )


class RunNotFound(SchedulerError):
    """No run has this id; it may have been purged."""

    code = "RUN_NOT_FOUND"

    def __init__(self, run_id: object) -> None:
        self.run_id = run_id
        super().__init__(f"There is no run {run_id}; it may have been purged by retention.")


class WorkerNotFound(SchedulerError):
    """No worker has this id; every start of a worker makes a new one."""

    code = "WORKER_NOT_FOUND"

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        super().__init__(
            f"There is no worker {worker_id!r}; scheduler_status lists those that exist."
        )


class NoFreePort(SchedulerError):
    """Every port of the configured range is taken on this host."""

    code = "NO_FREE_PORT"

    def __init__(self, host: str, start: int, end: int) -> None:
        self.host, self.start, self.end = host, start, end
        super().__init__(
            f"No free port on {host} in {start}-{end}; widen SCHEDULER_GRPC_PORT_RANGE_START/END."
        )


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name, list(known), n=1)), None)


def _shown(value: object) -> str:
    """The value as a person typed it, cut to a length that fits one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
