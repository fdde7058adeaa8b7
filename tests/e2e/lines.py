"""One worker's line to one server, which can be cut: packets vanish, nothing is refused."""

from pathlib import Path

from tests.e2e.proxy import Proxy


class Line:
    """A port of 127.0.0.1 that leads to a server's Unix socket."""

    def __init__(self, server: Path) -> None:
        self._proxy = Proxy(lambda: str(server))
        self.port = self._proxy.port

    def cut(self) -> None:
        """What is sent from now on vanishes, on connections that stand and on new ones."""
        self._proxy.silence()

    def mend(self) -> None:
        """New connections work; those that stood while it was cut are reset."""
        self._proxy.heal()

    def close(self) -> None:
        self._proxy.close()
