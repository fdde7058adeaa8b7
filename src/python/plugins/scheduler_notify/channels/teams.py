"""Teams' workflows: an Adaptive Card in a message, as "When a Teams webhook request is received"
takes it. (MessageCards went with the Office 365 connectors.)"""

import json
from datetime import datetime
from typing import Any

from scheduler_notify.channels.posting import post
from scheduler_notify.messages import Notice, Severity
from scheduler_notify.settings import NotifySettings

BYTES_AT_MOST = 24_000
"""Teams takes about 28 KB a message."""

COLORS = {Severity.ERROR: "attention", Severity.WARNING: "warning", Severity.INFO: "default"}
LINK = {"ja": "開く", "en": "Open"}


def send(settings: NotifySettings, notice: Notice, now: datetime) -> str:
    """Post it. Raises NotDelivered."""
    card = payload(notice, settings.notify_language)
    body = json.dumps(card, ensure_ascii=False).encode()
    address = settings.notify_teams_webhook_url.get_secret_value()
    post("teams", address, body, allow_http=settings.notify_allow_http)
    return ""


def payload(notice: Notice, language: str) -> dict[str, Any]:
    """The text stands in text runs, which know no markup, so nothing in it is taken for any."""
    color = "good" if notice.resolved else COLORS[notice.severity]
    lines = _within(notice.text.splitlines(), BYTES_AT_MOST)
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            _run(notice.title, size="medium", weight="bolder", color=color),
            *(_run(line) for line in lines if line),
        ],
    }
    if notice.link:
        content["actions"] = [
            {"type": "Action.OpenUrl", "title": LINK[language], "url": notice.link}
        ]
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": content,
            }
        ],
    }


def _run(text: str, **style: str) -> dict[str, Any]:
    return {
        "type": "RichTextBlock",
        "spacing": "small",
        "inlines": [{"type": "TextRun", "text": text, **style}],
    }


def _within(lines: list[str], limit: int) -> list[str]:
    """As many lines as fit, with what stands around each counted in."""
    kept: list[str] = []
    left = limit
    for line in lines:
        left -= len(json.dumps(line, ensure_ascii=False).encode()) + 100
        if left < 0:
            return [*kept, "…"]
        kept.append(line)
    return kept
