"""Structured logs: events with fields, one a line, without secrets.

    log = get_logger("runtime.assigner")
    log.info("run_assigned", run_id=run_id, worker_id=worker_id, epoch=epoch)

The libraries' stdlib logging and Python's warnings come out the same way. In a process that calls
:func:`configure_logging` not, and does not set up structlog itself (a command, a web process),
lines for people go to standard error.
"""

import logging
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import datetime
from pathlib import PurePath
from typing import Any, Literal, TextIO, cast
from uuid import UUID

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from scheduler.plugin_api.masking import mask_value

Level = Literal["debug", "info", "warning", "error"]

_known_secrets: list[str] = []


def get_logger(name: str, **fields: Any) -> FilteringBoundLogger:
    """A logger whose lines carry ``logger=name`` and ``fields``. Safe to make at import."""
    return cast(FilteringBoundLogger, structlog.get_logger(name, **fields))


def configure_logging(
    *,
    format: Literal["json", "console"] = "json",
    level: Level = "info",
    fields: Mapping[str, object] | None = None,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up logging for this process; call it again to change it.

    ``fields`` stand on every line (``worker_id``, ``node_id``). ``secrets`` are values that are
    replaced wherever they appear. Lines go to ``stream`` (default: standard error, so that
    standard output stays a command's answer).
    """
    hide_secrets(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _constant_fields(dict(fields or {})),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    _configure_structlog(shared)
    _configure_stdlib(_formatter(shared, format), level, stream or sys.stderr)


def _set_up_quietly() -> None:
    """Unless structlog is set up: its own defaults write to standard output, which is a command's
    answer, and show the values of a failed function's variables."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_secrets,
            structlog.dev.ConsoleRenderer(colors=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def hide_secrets(secrets: Iterable[str]) -> None:
    """From now on replace these values, and no others, wherever they appear in a line.

    Values shorter than four characters are left: they would be found everywhere.
    """
    _known_secrets[:] = sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True)


def set_level(level: Level) -> None:
    """Change the least level that is written, from now on."""
    logging.getLogger().setLevel(level.upper())


def bind_fields(**fields: object) -> None:
    """Add fields to every further line of this thread (``worker_id``, ``epoch``)."""
    structlog.contextvars.bind_contextvars(**fields)


def _configure_structlog(shared: list[Processor]) -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Loggers made at import must follow a later call (tests, the fork server's children).
        cache_logger_on_first_use=False,
    )


def _configure_stdlib(formatter: logging.Formatter, level: Level, stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)


def _formatter(shared: list[Processor], format: str) -> structlog.stdlib.ProcessorFormatter:
    console: Processor = structlog.dev.ConsoleRenderer(colors=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _hide_secrets,
            _json_renderer() if format == "json" else console,
        ],
    )


def _json_renderer() -> Processor:
    return structlog.processors.JSONRenderer(default=_plain, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID | PurePath):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value, key=str)
    return repr(value)


def _constant_fields(fields: Mapping[str, object]) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        for name, value in fields.items():
            event.setdefault(name, value)
        return event

    return add


def _hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> MutableMapping[str, Any]:
    return {name: mask_value(name, value, _known_secrets) for name, value in event.items()}


_set_up_quietly()
