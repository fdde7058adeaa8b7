"""Two bells as one: the second is rung only where the first could not be."""

from collections.abc import Callable, Iterable

from scheduler.ports import Bell, Listening


class FallbackBell:
    """Implements ``ports.Bell``: Redis pub/sub first, the RDB's LISTEN/NOTIFY where it is away.

    Both are listened to; a topic heard twice costs one look more.
    """

    def __init__(self, first: Bell, second: Bell) -> None:
        self._bells = (first, second)

    def ring(self, topic: str) -> bool:
        return any(bell.ring(topic) for bell in self._bells)

    def listen(self, topics: Iterable[str], on_ring: Callable[[str], None]) -> "BothListening":
        chosen = tuple(topics)
        return BothListening([bell.listen(chosen, on_ring) for bell in self._bells])


class BothListening:
    def __init__(self, parts: list[Listening]) -> None:
        self._parts = parts

    def close(self) -> None:
        for part in self._parts:
            part.close()
