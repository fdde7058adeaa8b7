"""Asks Alertmanager (API v2) for alerts, and makes and expires silences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from scheduler_monitoring.errors import RemoteMalformed
from scheduler_monitoring.remote import Remote
from scheduler_monitoring.silences import Matcher, NewSilence


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert as Alertmanager has it. Instants are aware UTC. ``state``: ``active``,
    ``suppressed`` or ``unprocessed``; ``silenced_by`` are ids of silences."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    starts_at: datetime
    silenced_by: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence. ``state``: ``pending``, ``active`` or ``expired``."""

    silence_id: str
    state: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str


class Alertmanager:
    """The client. Every method raises RemoteError's kinds and nothing else."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def alerts(
        self, matchers: Iterable[Matcher] = (), *, silenced: bool = True
    ) -> list[FiringAlert]:
        """The alerts that match all ``matchers``, the newest first; with ``silenced`` also those
        that a silence holds back."""
        query = {
            "filter": [str(one) for one in matchers],
            "silenced": "true" if silenced else "false",
        }
        found = self._listed(self._remote.ask_json("GET", "/api/v2/alerts", query=query))
        alerts = [self._read(_alert, one) for one in found]
        return sorted(alerts, key=lambda one: (one.starts_at, one.name), reverse=True)

    def silences(self, *, expired: bool = False) -> list[Silence]:
        """The silences, those that end first at the top; expired ones only if asked for."""
        found = self._listed(self._remote.ask_json("GET", "/api/v2/silences"))
        silences = [self._read(_silence, one) for one in found]
        wanted = [one for one in silences if expired or one.state != "expired"]
        return sorted(wanted, key=lambda one: (one.ends_at, one.silence_id))

    def create_silence(self, silence: NewSilence) -> str:
        """Make it; returns its id."""
        answer = self._remote.ask_json("POST", "/api/v2/silences", document=silence.document())
        made = answer.get("silenceID") if isinstance(answer, dict) else None
        if not isinstance(made, str) or not made:
            raise self._malformed("it lacks the silence's id")
        return made

    def expire_silence(self, silence_id: UUID) -> None:
        """End it now. RemoteRefused, with status 404, where there is none of this id."""
        # Older servers answer 500 to the end of one that is not there, but 404 to this.
        self._remote.ask("GET", f"/api/v2/silence/{silence_id}")
        self._remote.ask("DELETE", f"/api/v2/silence/{silence_id}")

    def check_ready(self) -> None:
        """Return if it answers and is ready; raise what is wrong."""
        self._remote.ask("GET", "/-/ready")

    def _listed(self, found: Any) -> Sequence[Any]:
        if not isinstance(found, list):
            raise self._malformed("a list is missing")
        return found

    def _read[T](self, read: Callable[[Mapping[str, Any]], T], one: Mapping[str, Any]) -> T:
        try:
            return read(one)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._malformed("an entry lacks what the API promises") from error

    def _malformed(self, why: str) -> RemoteMalformed:
        return RemoteMalformed("Alertmanager", why)


def _alert(one: Mapping[str, Any]) -> FiringAlert:
    labels, status = _texts(one["labels"]), one["status"]
    return FiringAlert(
        name=labels.get("alertname", ""),
        labels=labels,
        annotations=_texts(one.get("annotations") or {}),
        state=str(status["state"]),
        starts_at=_instant(one["startsAt"]),
        silenced_by=tuple(map(str, status.get("silencedBy") or ())),
        fingerprint=str(one["fingerprint"]),
    )


def _silence(one: Mapping[str, Any]) -> Silence:
    return Silence(
        silence_id=str(one["id"]),
        state=str(one["status"]["state"]),
        matchers=tuple(
            Matcher(
                name=str(each["name"]),
                value=str(each["value"]),
                regex=bool(each.get("isRegex", False)),
                equal=bool(each.get("isEqual", True)),
            )
            for each in one["matchers"]
        ),
        starts_at=_instant(one["startsAt"]),
        ends_at=_instant(one["endsAt"]),
        author=str(one.get("createdBy", "")),
        comment=str(one.get("comment", "")),
    )


def _texts(found: Mapping[Any, Any]) -> dict[str, str]:
    return {str(name): str(text) for name, text in found.items()}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
