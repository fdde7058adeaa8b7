"""The own webhook: the notice as JSON, signed as the Standard Webhooks specification has it."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from scheduler_notify.channels.posting import post
from scheduler_notify.messages import Message, Notice
from scheduler_notify.settings import NotifySettings
from scheduler_notify.signing import signed_headers

TYPE = "scheduler.notice"
BYTES_AT_MOST = 500_000
"""Of messages: receivers commonly take a megabyte, and one that refuses a notice refuses it for
ever."""


def send(settings: NotifySettings, notice: Notice, now: datetime) -> str:
    """Post it. Raises NotDelivered. ``webhook-id`` is the same at each attempt."""
    body = json.dumps(payload(notice), ensure_ascii=False).encode()
    secret = settings.notify_webhook_secret.get_secret_value()
    headers = signed_headers(secret, str(notice.notice_id), now, body)
    address = settings.notify_webhook_url.get_secret_value()
    post("webhook", address, body, headers, allow_http=settings.notify_allow_http)
    return ""


def payload(notice: Notice) -> dict[str, Any]:
    """The notice with as many of its messages as BYTES_AT_MOST holds; ``messages_left`` counts the
    others. Instants are ISO 8601 with offset."""
    messages = list(_within(map(_message, notice.messages)))
    return {
        "type": TYPE,
        "timestamp": notice.formed_at.isoformat(),
        "data": {
            "notice_id": str(notice.notice_id),
            "form": notice.form.value,
            "severity": notice.severity.value,
            "resolved": notice.resolved,
            "title": notice.title,
            "text": notice.text,
            "link": notice.link,
            "messages": messages,
            "messages_left": len(notice.messages) - len(messages),
        },
    }


def _within(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    left = BYTES_AT_MOST
    for one in messages:
        left -= len(json.dumps(one, ensure_ascii=False).encode()) + 2
        if left < 0:
            return
        yield one


def _message(message: Message) -> dict[str, Any]:
    return {
        "kind": message.kind.value,
        "severity": message.severity.value,
        "resolved": message.resolved,
        "subject": message.subject,
        "job": message.job,
        "run_id": str(message.run_id) if message.run_id else None,
        "happened_at": message.happened_at.isoformat(),
        "facts": dict(message.facts),
    }
