"""Slack's incoming webhooks: blocks of text, https://docs.slack.dev/messaging."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from scheduler_notify.channels.posting import post
from scheduler_notify.messages import Notice, Severity
from scheduler_notify.settings import NotifySettings

HEADER_AT_MOST = 150
SECTION_AT_MOST = 3000
SECTIONS_AT_MOST = 10
COLORS = {Severity.ERROR: "#c62828", Severity.WARNING: "#f9a825", Severity.INFO: "#546e7a"}
OVER = "#2e7d32"


def send(settings: NotifySettings, notice: Notice, now: datetime) -> str:
    """Post it. Raises NotDelivered."""
    body = json.dumps(payload(notice), ensure_ascii=False).encode()
    address = settings.notify_slack_webhook_url.get_secret_value()
    post("slack", address, body, allow_http=settings.notify_allow_http)
    return ""


def payload(notice: Notice) -> dict[str, Any]:
    """``text`` is what Slack shows in its own notifications; no link, mention or channel is taken
    from the notice."""
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": notice.title[:HEADER_AT_MOST], "emoji": False},
        },
        *(
            {"type": "section", "text": {"type": "mrkdwn", "text": part, "verbatim": True}}
            for part in _sections(notice.text)
        ),
    ]
    if notice.link:
        link = f"<{_escaped(notice.link)}|{_escaped(_short(notice.link))}>"
        # Slack refuses the whole for a part that is too long.
        if len(link) <= SECTION_AT_MOST:
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    color = OVER if notice.resolved else COLORS[notice.severity]
    return {
        "text": _escaped(notice.title),
        "attachments": [{"color": color, "blocks": blocks}],
    }


def _escaped(text: str) -> str:
    """As Slack asks: with these three escaped there are no links, mentions or channels."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _sections(text: str) -> list[str]:
    return list(_parts(text))[:SECTIONS_AT_MOST]


def _parts(text: str) -> Iterator[str]:
    """The escaped text in parts that Slack takes, cut between lines where it can be."""
    part = ""
    for line in text.splitlines():
        safe = _escaped(line)[: SECTION_AT_MOST - 1]
        if part and len(part) + len(safe) + 1 > SECTION_AT_MOST:
            yield part
            part = ""
        part = f"{part}\n{safe}" if part else safe
    if part.strip():
        yield part


def _short(link: str) -> str:
    return link.replace("|", "")[:100]
