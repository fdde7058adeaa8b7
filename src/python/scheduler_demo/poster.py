"""Posts an event a second to the demo's web process, and remembers what it was promised.

An event that gets no answer is posted again under the same dedupe key until it gets one, as every
caller should; so what the database must hold in the end is known exactly.
"""

import http.client
import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from scheduler_demo.ledger import OPEN_STATES, Run

PATH = "/api/events/ingest/"
EVENT_TYPE = "demo.order.placed"
EVENT_SLOTS = "e:"
_AGAIN_SECONDS = 0.2


class NotAnswered(Exception):
    """The web process gave no answer, or none that promises anything."""


@dataclass(frozen=True, slots=True)
class Promise:
    """An answer: the event's id, and by job the id of the run that will follow."""

    event_id: str
    runs: Mapping[str, str]


def post(port: int, token: str, events: Any, *, timeout_seconds: float = 10.0) -> list[Promise]:
    """Post one event (an object) or many (a list). Raises NotAnswered."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    headers = {"Content-Type": "application/json", "X-Scheduler-Token": token}
    try:
        line.request("POST", PATH, json.dumps(events), headers)
        answer = line.getresponse()
        told = json.loads(answer.read())
        if answer.status not in (200, 202):
            raise NotAnswered(told.get("detail", f"status {answer.status}"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotAnswered(f"{type(error).__name__}: {error}") from error
    finally:
        line.close()
    return [_promise(one) for one in told.get("events", [told])]


def _promise(told: Mapping[str, Any]) -> Promise:
    return Promise(told["id"], {run["job"]: run["run_id"] for run in told["runs"]})


@dataclass
class Poster:
    """A thread that posts while the context lasts. ``promises`` are by dedupe key."""

    port: int
    token: str
    every_seconds: float = 1.0
    promises: dict[str, Promise] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="poster", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, grace_seconds: float = 15.0) -> bool:
        """Post no new event; returns whether the one under way was answered in time."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join(grace_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            self._post_until_answered(number)
            self._stop.wait(self.every_seconds)

    def _post_until_answered(self, number: int) -> None:
        key = str(uuid.uuid4())
        event = {
            "type": EVENT_TYPE,
            "source": "/demo",
            "subject": str(number),
            "dedupe_key": key,
            "payload": {"number": number, "total": number * 100, "name": "注文"},
        }
        while True:
            try:
                (self.promises[key],) = post(self.port, self.token, event)
                return
            except NotAnswered:
                # Not _stop.wait: what was posted once is posted until it is answered.
                threading.Event().wait(_AGAIN_SECONDS)


@dataclass(frozen=True, slots=True)
class EventFindings:
    """What became of the events: counts, and a sentence for each run lost or doubled."""

    posted: int
    promised: int
    runs: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]


def audit_events(promises: Iterable[Promise], runs: Sequence[Run]) -> EventFindings:
    """Compare what was promised with the first attempts of event slots among ``runs``.

    Call it when those runs had time to end, and with all promises that there were."""
    kept = list({promise.event_id: promise for promise in promises}.values())
    rows = [run for run in runs if run.slot_key.startswith(EVENT_SLOTS) and run.attempt == 1]
    by_id = {str(run.id): run for run in rows}
    wanted = {run_id: each.event_id for each in kept for run_id in each.runs.values()}
    lost = [f"event {event}: no run {run}" for run, event in wanted.items() if run not in by_id]
    lost += [
        f"run {run_id} of an event is still {by_id[run_id].state}"
        for run_id in wanted
        if run_id in by_id and by_id[run_id].state in OPEN_STATES
    ]
    doubled = [f"run {run_id} of no event" for run_id in by_id if run_id not in wanted]
    slots = Counter((run.definition_id, run.slot_key) for run in rows)
    doubled += [f"{slot} has {count} runs" for (_, slot), count in slots.items() if count > 1]
    return EventFindings(len(kept), len(wanted), len(rows), tuple(lost), tuple(doubled))
