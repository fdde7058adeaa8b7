"""The loops that tell plugins of the runs' transitions, while this worker leads."""

from contextlib import ExitStack
from functools import partial

from scheduler.plugin_api.host import PluginHost
from scheduler.runtime.feed import PluginFeed
from scheduler.runtime.parts import Parts
from scheduler.runtime.supervisor import Loop
from scheduler.store.outbox_reader import SqlOutbox
from scheduler.store.sessions import Database


def plugin_feeds(
    plugins: PluginHost, parts: Parts, database: Database, undo: ExitStack
) -> list[Loop]:
    """One loop, with a connection of its own, for each plugin that declared states. The
    connection is opened when this worker first leads, and closed by ``undo``."""
    readers = sorted(plugins.transition_readers())
    loops = []
    for reader in readers:
        feed = PluginFeed(
            reader,
            readers,
            undo.enter_context(SqlOutbox(database)),
            partial(plugins.deliver, reader),
            lambda: parts.leadership.term,
        )
        loops.append(Loop(f"plugin-{reader}", feed.tick, parts.adapters.clock))
    return loops
