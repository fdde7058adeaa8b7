"""Pages that a plugin adds: to the web process through Django, to a worker without it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UrlMount:
    """Addresses of the web process: ``urlconf`` (a dotted module) is included under ``prefix``
    (empty, or ending in ``/``)."""

    prefix: str
    urlconf: str


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A GET that a worker got. Names of headers are in lower case."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What the worker answers."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerPage:
    """A page of the worker's small HTTP server, which listens where SCHEDULER_WORKER_HTTP_PORT
    says; ``path`` begins with ``/``. Called with a time limit, in a thread of its own."""

    path: str
    answer: Callable[[PageRequest], PageAnswer]
