"""The leader's services that send, one for each channel: a channel that fails or hangs holds up no
other.

A notice is taken by a lease, sent, and marked. A sender that dies between sending and marking lets
the lease run out, and the notice is sent again: at least once, under the same id.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings as django_settings

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.logs import get_logger
from scheduler.queries.clock import cluster_now
from scheduler_notify import channels, store
from scheduler_notify.channels.failing import NotDelivered
from scheduler_notify.database import with_fresh_connection
from scheduler_notify.figures import Figures
from scheduler_notify.messages import Channel, Notice
from scheduler_notify.rendering import Style, render
from scheduler_notify.retrying import delay_seconds, is_given_up, pause_seconds
from scheduler_notify.settings import NotifySettings
from scheduler_notify.store import ClaimedNotice

log = get_logger("scheduler.notify")

POLL_SECONDS = 1.0
LEASE = timedelta(minutes=5)
"""Longer than any attempt takes: each ends within ``channels.failing.ATTEMPT_SECONDS``."""


def style_of(settings: NotifySettings) -> Style:
    """How notices are worded by these settings."""
    return Style(settings.notify_language, django_settings.TIME_ZONE, settings.notify_base_url)


@dataclass(slots=True)
class Sender:
    """Sends the notices of one channel, one at a time. After a failure the whole channel pauses
    (``retrying.pause_seconds``): others of its notices would fare no better, and a receiver that
    asks for less gets less."""

    channel: Channel
    settings: Callable[[], NotifySettings]
    figures: Figures
    clock: Callable[[], datetime] = cluster_now
    chance: Callable[[], float] = random.random
    _failures: int = field(default=0, init=False)
    _paused_until: datetime | None = field(default=None, init=False)

    @with_fresh_connection
    def tick(self) -> float:
        """Send what is due first; the seconds until the next round."""
        now = self.clock()
        if self._paused_until and now < self._paused_until:
            return min(POLL_SECONDS, (self._paused_until - now).total_seconds())
        notice = store.claim(self.channel, now, LEASE)
        if notice is None:
            return POLL_SECONDS
        try:
            remark = channels.send(self.channel, self.settings(), self._worded(notice), now)
        # Whatever a template's own tags or a library raise: this notice waits, others go on.
        except Exception as error:
            self._failed(notice, error, self.clock())
        else:
            self._succeeded(notice, remark, self.clock())
        return 0.0

    def _worded(self, notice: ClaimedNotice) -> Notice:
        style = style_of(self.settings())
        return render(notice.notice_id, notice.form, notice.messages, notice.formed_at, style)

    def _succeeded(self, notice: ClaimedNotice, remark: str, now: datetime) -> None:
        self._failures, self._paused_until = 0, None
        self.figures.sent(self.channel)
        store.sent(notice, now, remark)
        log.info(
            "notice_sent",
            channel=self.channel,
            notice_id=notice.notice_id,
            messages=len(notice.messages),
            attempts=notice.attempts,
            remark=remark,
        )

    def _failed(self, notice: ClaimedNotice, error: Exception, now: datetime) -> None:
        self._failures += 1
        self.figures.failed(self.channel)
        sentence = told_of(error)
        asked = error.retry_after_seconds if isinstance(error, NotDelivered) else None
        delay = delay_seconds(notice.attempts, self.chance(), asked)
        pause = pause_seconds(self._failures, delay, asked)
        self._paused_until = now + timedelta(seconds=pause)
        limit = self.settings().notify_give_up_after_seconds
        if is_given_up(notice.queued_at, now, limit):
            store.given_up(notice, sentence, now)
            event, delay = "notice_given_up", 0.0
        else:
            store.not_sent(notice, sentence, now + timedelta(seconds=delay))
            event = "notice_not_sent"
        log.warning(
            event,
            channel=self.channel,
            notice_id=notice.notice_id,
            attempts=notice.attempts,
            again_in_seconds=round(delay, 1),
            error=sentence,
        )


def told_of(error: Exception) -> str:
    """What is kept of a failure. The words of an exception that nobody foresaw may quote what must
    not be known, so of that only its kind."""
    if isinstance(error, SchedulerError):
        return str(error)
    return f"The notice could not be made or sent: an unexpected {type(error).__name__}."
