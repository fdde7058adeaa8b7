"""From messages to a notice in words, by Django's templates, which a project may override.

``scheduler_notify/<language>/<kind>.txt`` words one message, ``group.txt`` and ``summary.txt``
several. The first line is the title, the rest the text. What comes out is plain text: each channel
escapes it for itself, so templates escape nothing.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.template import Context, Engine, TemplateDoesNotExist, TemplateSyntaxError

from scheduler.plugin_api.errors import SchedulerError
from scheduler_notify.messages import Form, Kind, Message, Notice, worst
from scheduler_notify.wording import (
    alert_title,
    count_sentence,
    duration,
    mark,
    reason_sentence,
)

LINES_AT_MOST = 20
COUNTS_AT_MOST = 100
TITLE_AT_MOST = 140
TEXT_AT_MOST = 12_000
RUN_PAGE = "/admin/scheduler/jobrun/{run_id}/change/"


class BadTemplate(SchedulerError):
    """A template of a notice cannot be used as it is."""

    code = "NOTICE_TEMPLATE_BROKEN"

    def __init__(self, name: str, error: Exception) -> None:
        self.template = name
        super().__init__(
            f"The template {name} cannot be rendered ({type(error).__name__}: {error});"
            " correct it or remove the override."
        )


@dataclass(frozen=True, slots=True)
class Style:
    """The language (``ja``, ``en``), the zone of what has none of its own, the site's address."""

    language: str
    zone: str
    base_url: str = ""


def render(
    notice_id: UUID, form: Form, messages: tuple[Message, ...], formed_at: datetime, style: Style
) -> Notice:
    """The notice in words. Raises BadTemplate."""
    severity, resolved = worst(messages), all(one.resolved for one in messages)
    single = form is Form.SINGLE and len(messages) == 1
    name = messages[0].kind.value if single else form.value
    facts = message_view(messages[0], style) if single else group_view(messages, style)
    facts["mark"] = mark(severity, resolved, style.language)
    title, text = _rendered(f"scheduler_notify/{style.language}/{name}.txt", facts)
    return Notice(
        notice_id=notice_id,
        form=form,
        severity=severity,
        resolved=resolved,
        title=title,
        text=text,
        link=link_of(messages[0], style) if single else "",
        messages=messages,
        formed_at=formed_at,
    )


def message_view(message: Message, style: Style, zone_name: str = "") -> dict[str, Any]:
    """What a template of one message may use; times in ``zone_name``, empty: the message's own."""
    lang, facts = style.language, message.facts
    zone_name = zone_name or zone_of(message, style)
    zone = _zone(zone_name, style.zone)
    return {
        **facts,
        # Pairs: of a mapping, a label called "items" would hide the method of that name.
        "labels": list(facts.get("labels", {}).items()),
        "kind": message.kind.value,
        "severity": message.severity.value,
        "resolved": message.resolved,
        "job": message.job,
        "subject": message.subject,
        "run_id": str(message.run_id or ""),
        "when": _local(message.happened_at, zone),
        "timezone": zone_name,
        "reason_text": reason_sentence(facts, lang),
        "alert_title": alert_title(message, lang),
        "link": link_of(message, style),
        **_instants(facts, zone),
        **{
            name.removesuffix("_seconds"): duration(int(facts[name]), lang)
            for name in ("late_seconds", "failing_seconds", "lasted_seconds")
            if facts.get(name) is not None
        },
    }


def group_view(messages: tuple[Message, ...], style: Style) -> dict[str, Any]:
    """What the templates of several messages may use. Every message is counted by its kind and
    subject in ``counts``; the first LINES_AT_MOST have a line of their own."""
    lang = style.language
    by_kind = Counter((one.kind, one.resolved, one.subject) for one in messages)
    counts = [count_sentence(*key, n, lang) for key, n in by_kind.most_common()]
    shown = messages[:LINES_AT_MOST]
    zones = {zone_of(one, style) for one in messages}
    zone = zones.pop() if len(zones) == 1 else style.zone
    return {
        "total": len(messages),
        "counts": counts[:COUNTS_AT_MOST],
        "counts_left": max(0, len(counts) - COUNTS_AT_MOST),
        "other_counts": len(counts) - 1,
        "items": [message_view(one, style, zone) for one in shown],
        "items_left": len(messages) - len(shown),
        "first": message_view(messages[0], style, zone),
        "last": message_view(messages[-1], style, zone),
    }


def zone_of(message: Message, style: Style) -> str:
    """The zone of the message's job, else the cluster's."""
    return str(message.facts.get("timezone") or style.zone)


def link_of(message: Message, style: Style) -> str:
    """Where to look further; empty when no address is known."""
    if message.kind is Kind.PROMETHEUS:
        return str(message.facts.get("source", ""))
    if style.base_url and message.run_id:
        return style.base_url + RUN_PAGE.format(run_id=message.run_id)
    return ""


def _rendered(name: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    try:
        template = Engine.get_default().get_template(name)
        found = template.render(Context(dict(facts), autoescape=False))
    except (TemplateDoesNotExist, TemplateSyntaxError, ValueError, TypeError, LookupError) as error:
        raise BadTemplate(name, error) from error
    lines = [line.rstrip() for line in found.strip().splitlines()]
    if not lines:
        raise BadTemplate(name, ValueError("it comes out empty"))
    title = " ".join(_printable(lines[0]).split())
    text = re.sub(r"\n{3,}", "\n\n", _printable("\n".join(lines[1:])).strip())
    return _cut(title, TITLE_AT_MOST), _cut(text, TEXT_AT_MOST)


def _printable(text: str) -> str:
    """Without control characters, which some channels refuse."""
    return "".join(mark for mark in text if mark == "\n" or mark.isprintable())


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _instants(facts: Mapping[str, Any], zone: tzinfo) -> dict[str, str]:
    names = {"due_at": "due", "started_at": "started", "finished_at": "finished"}
    names |= {"failing_since": "failing_since", "since": "since"}
    return {
        shown: _local(datetime.fromisoformat(facts[name]), zone)
        for name, shown in names.items()
        if facts.get(name)
    }


def _local(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _zone(name: str, otherwise: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(otherwise)
