"""A time limit for a whole exchange with another server.

The limits of libraries hold for each piece that arrives: a server that sends a byte now and then is
waited for for ever. Here the line itself is shut when the time is up, so that whoever reads from it
gets an error.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any


class Lines:
    """Lines that were opened: anything that has its socket as ``sock`` once it is connected."""

    def __init__(self) -> None:
        self._opened: list[Any] = []
        self._seconds = 0.0
        self.are_shut = False

    def note(self, line: Any) -> None:
        self._opened.append(line)

    def shut(self) -> None:
        """End them, whoever is reading."""
        self.are_shut = True
        for line in self._opened:
            with suppress(OSError, TypeError):
                # Not SSLSocket's own, which takes the session from under who reads.
                socket.socket.shutdown(line.sock, socket.SHUT_RDWR)

    def ended_by(self, what: str) -> str:
        """What is said of an exchange that failed: that its time was up, or ``what``."""
        return f"was not done within {self._seconds:g} s" if self.are_shut else what

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """For the block: shut when the time is up."""
        self._seconds = seconds
        timer = Timer(seconds, self.shut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


class NotingLines:
    """Before ``HTTPAdapter`` among the bases of an adapter of ``requests``: ``lines`` holds what it
    opened. (Which library it is for is the plugin's matter: the core needs none.)"""

    def __init__(self) -> None:
        self.lines = Lines()
        super().__init__()

    def mounted_in[S](self, session: S) -> S:
        """The session, whose every address is reached by these lines."""
        for scheme in ("http://", "https://"):
            session.mount(scheme, self)  # type: ignore[attr-defined]
        return session

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)  # type: ignore[misc]
        kind = pool.ConnectionCls

        def opened(*args: Any, **kwargs: Any) -> Any:
            line = kind(*args, **kwargs)
            self.lines.note(line)
            return line

        pool.ConnectionCls = opened
        return pool
