"""Django's connection in threads that live as long as a worker."""

from collections.abc import Callable
from functools import wraps

from django.db import close_old_connections


def with_fresh_connection[**P, T](work: Callable[P, T]) -> Callable[P, T]:
    """``work`` with a connection that a restart of the database has not left broken, as Django
    gives each web request one."""

    @wraps(work)
    def fresh(*args: P.args, **kwargs: P.kwargs) -> T:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        finally:
            close_old_connections()

    return fresh
