"""Test notices: sent at once, past routes and tables, to see whether a channel is set up right."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from scheduler_notify import channels
from scheduler_notify.messages import Channel, Form, Kind, Message, Severity
from scheduler_notify.rendering import render
from scheduler_notify.sender import style_of, told_of
from scheduler_notify.settings import NotifySettings


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a test notice. ``words``: the error, or a remark; may be empty."""

    channel: Channel
    ok: bool
    words: str


def try_channels(
    names: Iterable[Channel], settings: NotifySettings, job: str, now: Callable[[], datetime]
) -> list[Tried]:
    """Send a test notice to each; no failure keeps the others from it."""
    return [_tried(name, settings, job, now()) for name in names]


def _tried(channel: Channel, settings: NotifySettings, job: str, now: datetime) -> Tried:
    notice_id = uuid4()
    message = Message(
        dedupe_key=f"test:{notice_id}",
        kind=Kind.TEST,
        severity=Severity.INFO,
        subject=job or "test",
        job=job,
        happened_at=now,
    )
    try:
        notice = render(notice_id, Form.SINGLE, (message,), now, style_of(settings))
        return Tried(channel, True, channels.send(channel, settings, notice, now))
    # Whatever a template's own tags or a library raise: the other channels are tried, too.
    except Exception as error:
        return Tried(channel, False, told_of(error))
