"""The loops that tell plugins of transitions, alerts and archived logs, while this worker leads."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from django.db import close_old_connections

from scheduler.plugin_api.host import PluginHost
from scheduler.runtime.feed import PluginFeed
from scheduler.runtime.parts import Parts
from scheduler.runtime.supervisor import Loop
from scheduler.store import alerts, archived_logs
from scheduler.store.alerts import SqlAlertOutbox
from scheduler.store.archived_logs import SqlArchivedLogs
from scheduler.store.outbox_reader import SqlOutbox
from scheduler.store.sessions import Database


def plugin_feeds(
    plugins: PluginHost, parts: Parts, database: Database, undo: ExitStack
) -> list[Loop]:
    """One loop, with a connection of its own, for each plugin that declared states, and one for
    each that hears of alerts or of archived logs. The connection is opened when this worker first
    leads, and closed by ``undo``."""
    readers = sorted(plugins.transition_readers())
    loops = []
    for reader in readers:
        feed = PluginFeed(
            reader,
            readers,
            undo.enter_context(SqlOutbox(database)),
            _fresh(partial(plugins.deliver, reader)),
            lambda: parts.leadership.term,
        )
        loops.append(Loop(f"plugin-{reader}", feed.tick, parts.adapters.clock))
    return [
        *loops,
        *_alert_feeds(plugins, parts, database, undo),
        *_archived_feeds(plugins, parts, database, undo),
    ]


def _alert_feeds(
    plugins: PluginHost, parts: Parts, database: Database, undo: ExitStack
) -> list[Loop]:
    loops = []
    for plugin in plugins.alert_readers():
        name = alerts.reader_name(plugin)
        feed = PluginFeed(
            name,
            [name],
            undo.enter_context(SqlAlertOutbox(database)),
            _fresh(partial(plugins.deliver_alerts, plugin)),
            lambda: parts.leadership.term,
            batch_size=1,
        )
        loops.append(Loop(f"alerts-{plugin}", feed.tick, parts.adapters.clock))
    return loops


def _archived_feeds(
    plugins: PluginHost, parts: Parts, database: Database, undo: ExitStack
) -> list[Loop]:
    readers = {archived_logs.reader_name(one): one for one in plugins.archived_readers()}
    loops = []
    for name, plugin in readers.items():
        feed = PluginFeed(
            name,
            list(readers),
            undo.enter_context(SqlArchivedLogs(database)),
            _fresh(partial(plugins.deliver_archived, plugin)),
            lambda: parts.leadership.term,
        )
        loops.append(Loop(f"archived-{plugin}", feed.tick, parts.adapters.clock))
    return loops


def _fresh[T](deliver: Callable[[Sequence[T]], bool]) -> Callable[[Sequence[T]], bool]:
    """The plugin may use Django's connection of the feed's thread: not one that broke long ago."""

    def delivered(items: Sequence[T]) -> bool:
        close_old_connections()
        return deliver(items)

    return delivered
