"""The ways out. Each takes a notice in words and sends it, or raises NotDelivered."""

from collections.abc import Callable
from datetime import datetime

from scheduler_notify.channels import mail, slack, teams, webhook
from scheduler_notify.messages import Channel, Notice
from scheduler_notify.settings import NotifySettings

type Send = Callable[[NotifySettings, Notice, datetime], str]

SENDERS: dict[Channel, Send] = {
    "slack": slack.send,
    "teams": teams.send,
    "mail": mail.send,
    "webhook": webhook.send,
}


def send(channel: Channel, settings: NotifySettings, notice: Notice, now: datetime) -> str:
    """Send it now; the answer is a remark for the record, mostly empty. Raises NotDelivered."""
    return SENDERS[channel](settings, notice, now)
