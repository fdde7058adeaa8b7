"""The archive of logs that a plugin brings: asked for once, read with limits, and not trusted."""

from datetime import UTC, datetime

import pytest

from scheduler.plugin_api.archive import ArchivedLog, ArchivedRun, LogPiece
from tests.plugins.builders import RUN, broken, failed_hooks, host_of, plugin

OLD_RUN = ArchivedRun(RUN, "nightly", "s3://logs/1", ended=True)


class Archive:
    def read(self, run, offset, limit):
        return LogPiece(b"archived"[:limit], 8, 8, complete=True)

    def link(self, run):
        return f"https://logs.example.com/{run.run_id}"

    def takes_logs(self):
        return True


def test_hook_scheduler_log_archive():
    nothing = plugin("nothing", log_archive=lambda self: None)
    one = plugin("one", log_archive=lambda self: Archive())
    other = plugin("other", log_archive=broken)
    reader = host_of(nothing, one, other).log_archive()
    assert reader is not None
    assert reader.plugin == "one"
    assert reader.read(OLD_RUN, 0, 5) == (LogPiece(b"archi", 8, 8, complete=True), True)
    assert reader.link(OLD_RUN) == f"https://logs.example.com/{RUN}"


def test_an_archive_that_could_not_be_had_at_first_is_asked_for_again():
    answers = iter([broken, Archive])
    host = host_of(plugin("one", log_archive=lambda self: next(answers)()))
    assert host.log_archive() is None
    reader = host.log_archive()
    assert reader is not None
    assert host.log_archive() is reader


def test_an_archive_that_is_none_is_asked_for_once():
    asked = []
    host = host_of(plugin("one", log_archive=lambda self: asked.append(1)))
    assert host.log_archive() is host.log_archive() is None
    assert asked == [1]


@pytest.mark.parametrize(
    "answer", ["text", LogPiece(b"more than was asked for", 23, 23, True), object()]
)
def test_an_archive_that_answers_nonsense_counts_as_one_that_does_not_answer(answer):
    class Odd(Archive):
        def read(self, run, offset, limit):
            return answer

        def link(self, run):
            return "javascript:alert(1)"

    host = host_of(plugin("odd", log_archive=lambda self: Odd()))
    reader = host.log_archive()
    assert reader is not None
    assert reader.read(OLD_RUN, 0, 5) == (None, False)
    assert reader.link(OLD_RUN) is None
    assert failed_hooks(host) == [("odd", "log archive read", 1), ("odd", "log archive link", 1)]


def test_an_archive_that_has_nothing_has_answered():
    class Empty(Archive):
        def read(self, run, offset, limit):
            return None

    reader = host_of(plugin("empty", log_archive=lambda self: Empty())).log_archive()
    assert reader is not None
    assert reader.read(OLD_RUN, 0, 5) == (None, True)


def host_with(archive):
    return host_of(plugin("one", log_archive=lambda self: archive))


def test_whether_logs_are_archived_is_what_the_archive_says_now():
    class Switched(Archive):
        on = True

        def takes_logs(self):
            return self.on

    host = host_with(Switched())
    assert host.archives_logs()
    Switched.on = False
    assert not host.archives_logs()


def test_without_an_archive_no_logs_are_archived():
    assert not host_with(None).archives_logs()
    assert not host_of(plugin("other")).archives_logs()


def test_where_a_plugin_does_not_say_whether_it_archives_logs_they_are_not_given_up():
    class Broken(Archive):
        takes_logs = broken

    assert host_with(Broken()).archives_logs()
    assert host_of(plugin("one", log_archive=broken)).archives_logs()


LOGS = [ArchivedLog(RUN, "https://logs.example.com/1", datetime(2026, 1, 2, tzinfo=UTC))]


def test_hook_scheduler_logs_archived():
    heard = []
    hears = plugin("hears", logs_archived=lambda self, logs: heard.extend(logs))
    host = host_of(hears, plugin("other", stopping=lambda self: None))
    assert host.archived_readers() == ("hears",)
    assert host.deliver_archived("hears", LOGS)
    assert heard == LOGS


def test_a_plugin_that_fails_to_hear_of_archived_logs_is_to_be_told_again():
    host = host_of(plugin("deaf", logs_archived=lambda self, logs: 1 / 0))
    assert not host.deliver_archived("deaf", LOGS)
    assert failed_hooks(host) == [("deaf", "scheduler_logs_archived", 1)]
