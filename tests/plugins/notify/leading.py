"""The leader's services with a clock that the test sets."""

from datetime import datetime, timedelta

from scheduler_notify.figures import Figures
from scheduler_notify.messages import Channel
from scheduler_notify.router import Router
from scheduler_notify.sender import Sender
from scheduler_notify.settings import NotifySettings
from scheduler_notify.watcher import Watcher
from tests.plugins.notify.builders import NOON


class Leader:
    """One worker's services; two of them on one database are two leaders that overlap."""

    def __init__(self, settings: NotifySettings, now: datetime = NOON) -> None:
        self.now, self.settings, self.figures = now, settings, Figures()
        self.router = Router(lambda: self.settings, self.figures, lambda: self.now)
        self.watcher = Watcher(lambda: self.settings, lambda: self.now)
        self.senders = {name: self._sender(name) for name in settings.configured}

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def route(self, after: float = 0) -> None:
        self.later(after)
        self.router.tick()

    def send(self, channel: Channel, after: float = 0) -> float:
        self.later(after)
        return self.senders[channel].tick()

    def send_all(self, seconds: float, step: float = 1) -> None:
        """All services, for so many seconds."""
        end = self.now + timedelta(seconds=seconds)
        while self.now <= end:
            self.router.tick()
            self.watcher.tick()
            for sender in self.senders.values():
                while sender.tick() == 0:
                    pass
            self.later(step)

    def _sender(self, name: Channel) -> Sender:
        return Sender(name, lambda: self.settings, self.figures, lambda: self.now, lambda: 0.5)
