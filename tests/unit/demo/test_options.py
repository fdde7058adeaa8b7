"""The demo's command line says what it takes, and what is wrong with what it got."""

from pathlib import Path

import pytest

from scheduler_demo.options import parse


def test_defaults_suit_a_first_look(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    options = parse([])
    assert options.data_dir == Path("/cache/scheduler-demo")
    assert (options.workers, options.port, options.database) == (3, 8000, "postgres")
    assert options.check_seconds is None and not options.kill_leader


@pytest.mark.parametrize(
    ("argv", "archive"),
    [([], True), (["--no-archive"], False), (["--database", "sqlite"], False)],
)
def test_logs_are_archived_where_there_are_servers_unless_told_otherwise(argv, archive):
    assert parse(argv).archive is archive


def test_a_check_takes_seconds():
    options = parse(["--check", "60", "--kill-leader", "--json"])
    assert options.check_seconds == 60 and options.kill_leader and options.json


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--workers", "0"], "'0' is not a whole number from 1 to 64"),
        (["--port", "99999"], "'99999' is not a whole number from 0 to 65535"),
        (["--check", "soon"], "'soon' is not a number of seconds from 5 to 86400"),
        (["--check", "1"], "'1' is not a number of seconds"),
        (["--database", "mysql"], "invalid choice: 'mysql'"),
        (["--kill-leader"], "belong to --check SECONDS; add it"),
        (["--json"], "belong to --check SECONDS; add it"),
    ],
)
def test_bad_options_end_with_a_sentence_and_2(argv, sentence, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(argv)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_help_tells_of_the_check_and_of_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    text = capsys.readouterr().out
    assert "exit codes" in text and "--kill-leader" in text and "./pants run :demo" in text
