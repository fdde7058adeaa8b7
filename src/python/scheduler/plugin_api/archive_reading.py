"""The log archive of a plugin, read with time limits."""

from typing import Any, TypeIs

from scheduler.plugin_api.archive import ArchivedRun, LogArchive, LogPiece
from scheduler.plugin_api.calls import PluginCalls

READ_SECONDS = 15.0
LINK_SECONDS = 2.0
ASK_SECONDS = 2.0
HOOK = "scheduler_log_archive"


class ArchiveReader:
    """The archive that one plugin brings; what it fails in is counted. Safe for threads."""

    def __init__(self, calls: PluginCalls, plugin: str, archive: LogArchive) -> None:
        self._calls, self.plugin, self._archive = calls, plugin, archive

    def read(self, run: ArchivedRun, offset: int, limit: int) -> tuple[LogPiece | None, bool]:
        """(piece, answered): no piece and True where nothing was archived, no piece and False
        where the archive could not be asked now."""

        def ask() -> tuple[LogPiece | None, bool]:
            return _piece(self._archive.read(run, offset, limit), limit), True

        answer = self._calls.guarded(self.plugin, "log archive read", ask, READ_SECONDS)
        return answer or (None, False)

    def link(self, run: ArchivedRun) -> str | None:
        """An address for a browser, or None."""

        def ask() -> str | None:
            return _address(self._archive.link(run))

        return self._calls.guarded(self.plugin, "log archive link", ask, LINK_SECONDS)

    def takes_logs(self) -> bool:
        """Whether logs are archived at present; True where the plugin does not say."""
        ask = self._archive.takes_logs
        answer = self._calls.guarded(self.plugin, "log archive takes_logs", ask, ASK_SECONDS)
        return answer is not False


class Archives:
    """The archive of this process: the first that a plugin brings."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls
        self._found: ArchiveReader | None = None
        self._unasked = list(calls.having(HOOK))

    def reader(self) -> ArchiveReader | None:
        """Each plugin is asked until it has answered: one that failed is asked the next time."""
        for plugin in list(self._unasked) if self._found is None else ():
            archives = self._calls.brought(plugin, HOOK, _is_archive)
            if archives:
                self._found = ArchiveReader(self._calls, plugin, archives[0])
                break
            if archives is not None and plugin in self._unasked:
                self._unasked.remove(plugin)
        return self._found

    def takes_logs(self) -> bool:
        """Whether logs are archived at present; True where a plugin that may bring an archive
        does not answer."""
        reader = self.reader()
        return reader.takes_logs() if reader else bool(self._unasked)


def _is_archive(one: Any) -> TypeIs[LogArchive]:
    return isinstance(one, LogArchive)


def _piece(answer: Any, limit: int) -> LogPiece | None:
    if answer is None:
        return None
    if not isinstance(answer, LogPiece):
        raise TypeError(f"read answered {type(answer).__name__}, no LogPiece")
    if len(answer.data) > limit:
        raise ValueError(f"read answered {len(answer.data)} bytes where {limit} were asked for")
    return answer


def _address(answer: Any) -> str | None:
    if answer is None:
        return None
    if not isinstance(answer, str) or not answer.startswith(("https://", "http://")):
        raise ValueError("link answered no http or https address")
    return answer
