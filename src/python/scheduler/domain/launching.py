"""From a start order to a process: arguments and environment, as pure conversions.

Arguments are JSON and never pass a shell:

- a list goes as it is: ``["--days", 3]`` -> ``--days 3``;
- an object names options: ``{"dry_run": true, "days": 3, "_": ["tokyo"]}`` ->
  ``--dry-run --days=3 tokyo``. ``true`` gives the bare option, ``false`` and ``null`` leave it
  out, a list repeats it, ``_`` holds the positional arguments. ``_`` within a name becomes ``-``,
  as Django writes its options; a command that differs takes the list form.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from scheduler.domain.errors import InvalidArgs
from scheduler.domain.events import EventNotFound
from scheduler.domain.values import StartOrder

POSITIONAL = "_"
CALL_COMMAND = "scheduler_call"
OPTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
MAX_ARGS_BYTES = 100_000
"""Linux takes 128 KiB for one string of a new process's environment."""

ALLOWED = "a JSON list of text and numbers, or a JSON object of options"


def command_arguments(job: str, args: Any) -> tuple[str, ...]:
    """The arguments of a command. ``job`` names the job in errors.

    Raises InvalidArgs, which says what is wrong with which argument.
    """
    _refuse_too_long(job, args)
    if args is None:
        return ()
    if isinstance(args, list | tuple):
        return tuple(_word(job, item) for item in args)
    if isinstance(args, Mapping):
        return (*_options(job, args), *_positionals(job, args.get(POSITIONAL)))
    raise InvalidArgs(job, f"{json.dumps(args)[:60]} is neither list nor object", ALLOWED)


def option_words(job: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of an object of options, without its positional arguments. Raises InvalidArgs."""
    return tuple(_options(job, options))


def command_line(order: StartOrder) -> tuple[str, ...]:
    """The command of a run with its arguments. Raises InvalidArgs.

    CALL_COMMAND calls a function: it takes its arguments, of any JSON type, from the environment.
    """
    if order.command == CALL_COMMAND:
        _refuse_too_long(order.job_name, order.args)
        return (CALL_COMMAND,)
    return (order.command, *command_arguments(order.job_name, order.args))


def run_environment(order: StartOrder, worker_id: str) -> dict[str, str]:
    """What every run finds in its environment; the names are a contract with jobs.

    ``SCHEDULER_SCHEDULED_FOR`` is ISO 8601 in UTC. ``SCHEDULER_FENCING_TOKEN`` rises with each
    assignment in the cluster: a job can use it to refuse an older run of itself.
    ``SCHEDULER_EVENT_JSON`` is there only for a run that an event started. Raises EventNotFound.
    """
    if order.event_id is not None and order.event_json is None:
        raise EventNotFound(order.event_id)
    event = {} if order.event_json is None else {"SCHEDULER_EVENT_JSON": order.event_json}
    return event | {
        "SCHEDULER_ARGS_JSON": args_json(order.args),
        "SCHEDULER_JOB_RUN_ID": str(order.run_id),
        "SCHEDULER_JOB_NAME": order.job_name,
        "SCHEDULER_WORKER_ID": worker_id,
        "SCHEDULER_ATTEMPT": str(order.attempt),
        "SCHEDULER_FENCING_TOKEN": str(order.assign_seq),
        "SCHEDULER_SCHEDULED_FOR": order.scheduled_for.astimezone(UTC).isoformat(),
    }


def args_json(args: Any) -> str:
    """The arguments as compact JSON; ``{}`` where there are none."""
    return json.dumps({} if args is None else args, ensure_ascii=False, separators=(",", ":"))


def _options(job: str, args: Mapping[str, Any]) -> Iterable[str]:
    for name, value in args.items():
        if name == POSITIONAL:
            continue
        if not OPTION_NAME.match(name):
            raise InvalidArgs(
                job, f"{name!r} cannot be an option's name", "letters, digits, - and _"
            )
        for item in value if isinstance(value, list | tuple) else (value,):
            yield from _option(job, name.replace("_", "-"), item)


def _option(job: str, name: str, value: Any) -> Iterable[str]:
    if value is None or value is False:
        return
    short = len(name) == 1
    option = f"-{name}" if short else f"--{name}"
    yield option if value is True else f"{option}{'' if short else '='}{_word(job, value)}"


def _positionals(job: str, given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list | tuple):
        raise InvalidArgs(job, f"{POSITIONAL!r} is not a list", "a list of positional arguments")
    words = tuple(_word(job, item) for item in given)
    # Without the marker an argument such as "-1" would be read as an option.
    return ("--", *words) if any(word.startswith("-") for word in words) else words


def _word(job: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidArgs(
            job, f"{json.dumps(value)[:60]} cannot be an argument", "text or a number"
        )
    word = str(value)
    if "\0" in word:
        raise InvalidArgs(job, "an argument contains the character NUL", "text without NUL")
    return word


def _refuse_too_long(job: str, args: Any) -> None:
    size = len(args_json(args).encode(errors="surrogatepass"))
    if size > MAX_ARGS_BYTES:
        raise InvalidArgs(
            job, f"they are {size} bytes long", f"up to {MAX_ARGS_BYTES} bytes of JSON"
        )
