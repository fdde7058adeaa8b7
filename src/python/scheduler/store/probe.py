"""Does the RDB answer? Asked anew each time, over a connection of its own."""

from scheduler.store.sessions import Database
from scheduler.store.statements import Statement

_ONE = Statement("SELECT 1")


def probe(database: Database) -> None:
    """Returns when it does. Raises DatabaseUnavailable, within about five seconds."""
    session = database.session("probe")
    try:
        session.run(_ONE)
    finally:
        session.close()
