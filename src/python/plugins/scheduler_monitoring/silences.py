"""What a silence must be before Alertmanager is asked for it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from scheduler_monitoring.errors import InvalidSilence

LONGEST = timedelta(days=7)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MATCHER = re.compile(r'(?P<name>[^=!~"\s]+)(?P<sign>=~|!~|!=|=)(?P<value>.*)\Z', re.DOTALL)
_DURATION = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[mhd])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST_TEXT = 1000
_SOME_NAME = "AnAlertOfNoParticularName"


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label, as Alertmanager writes it: ``name="value"``, ``!=``, ``=~``,
    ``!~``."""

    name: str
    value: str
    regex: bool = False
    equal: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """``alertname=SchedulerHighLoad``, the value quoted or not. Raises InvalidSilence."""
        found = _MATCHER.match(text.strip())
        if found is None or not _LABEL.match(found["name"]):
            raise InvalidSilence("matcher", f"{text!r} cannot be read", 'name="value", !=, =~, !~')
        sign = found["sign"]
        return cls(found["name"], _unquoted(found["value"]), "~" in sign, "!" not in sign)

    @property
    def matches_nothing_said(self) -> bool:
        """Whether an alert without this label matches: such a condition alone narrows nothing."""
        if self.regex:
            return (re.fullmatch(self.value, "") is not None) is self.equal
        return (self.value == "") is self.equal

    @property
    def matches_any_name(self) -> bool:
        """Whether it asks for the name that every alert has, and takes any."""
        if self.name != "alertname" or not self.equal:
            return False
        return self.regex and re.fullmatch(self.value, _SOME_NAME) is not None

    def __str__(self) -> str:
        sign = ("=~" if self.equal else "!~") if self.regex else ("=" if self.equal else "!=")
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{sign}"{escaped}"'


@dataclass(frozen=True, slots=True)
class NewSilence:
    """A silence to be made, checked. Instants are aware."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str

    @classmethod
    def of(
        cls,
        matchers: Sequence[Matcher],
        duration: timedelta,
        *,
        author: str,
        comment: str,
        now: datetime,
    ) -> Self:
        """From ``now`` on, for ``duration`` (up to 7 days). Raises InvalidSilence."""
        _check_matchers(matchers)
        if not timedelta(minutes=1) <= duration <= LONGEST:
            raise InvalidSilence("duration", f"it is {duration}", "from 1 minute to 7 days")
        said_by, said = _text("author", author), _text("comment", comment)
        return cls(tuple(matchers), now, now + duration, said_by, said)

    def document(self) -> dict[str, Any]:
        """As Alertmanager's API wants it."""
        return {
            "matchers": [
                {"name": m.name, "value": m.value, "isRegex": m.regex, "isEqual": m.equal}
                for m in self.matchers
            ],
            "startsAt": self.starts_at.astimezone(UTC).isoformat(),
            "endsAt": self.ends_at.astimezone(UTC).isoformat(),
            "createdBy": self.author,
            "comment": self.comment,
        }


def parse_duration(text: str) -> timedelta:
    """``30m``, ``2h``, ``7d``. Raises InvalidSilence."""
    found = _DURATION.match(text.strip())
    if found is None:
        raise InvalidSilence("duration", f"{text!r} cannot be read", "30m, 2h, 7d; up to 7 days")
    return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})


def _check_matchers(matchers: Sequence[Matcher]) -> None:
    allowed = "at least one that an alert must have a label for"
    for matcher in matchers:
        if not _LABEL.match(matcher.name):
            raise InvalidSilence("matcher", f"{matcher.name!r} is no label", "letters, digits, _")
        if matcher.regex:
            _check_pattern(matcher)
    if all(one.matches_nothing_said or one.matches_any_name for one in matchers):
        raise InvalidSilence("matcher", "it would silence every alert", allowed)


def _check_pattern(matcher: Matcher) -> None:
    try:
        re.compile(matcher.value)
    except re.error as error:
        problem = f"{matcher.value!r} is no pattern ({error})"
        raise InvalidSilence("matcher", problem, "a regular expression") from None


def _text(field: str, text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise InvalidSilence(field, "it is missing", "some text")
    if len(stripped) > _LONGEST_TEXT:
        problem = f"it has {len(stripped)} characters"
        raise InvalidSilence(field, problem, f"up to {_LONGEST_TEXT}")
    return stripped


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    return text
