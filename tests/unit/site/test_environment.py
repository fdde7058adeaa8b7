"""The site's settings come from the environment; what is wrong there is one sentence."""

import stat

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_site import environment


@pytest.mark.parametrize(
    ("text", "meant"),
    [("1", True), ("Yes", True), (" on ", True), ("0", False), ("off", False), ("", False)],
)
def test_a_flag_reads_what_people_write(monkeypatch, text: str, meant: bool) -> None:
    monkeypatch.setenv("DJANGO_DEBUG", text)
    assert environment.flag("DJANGO_DEBUG") is meant


def test_a_flag_that_is_neither_names_the_variable_and_the_choices(monkeypatch) -> None:
    monkeypatch.setenv("DJANGO_DEBUG", "maybe")
    with pytest.raises(ImproperlyConfigured, match=r"DJANGO_DEBUG is 'maybe'; set it to 1 .* 0"):
        environment.flag("DJANGO_DEBUG")


def test_names_are_trimmed_and_empty_ones_left_out(monkeypatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOWED_HOSTS", " a.example, ,b.example,")
    assert environment.names("DJANGO_ALLOWED_HOSTS") == ["a.example", "b.example"]


def test_the_secret_key_is_made_once_and_kept_private(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("DJANGO_SECRET_KEY", raising=False)
    key = environment.secret_key(tmp_path)
    assert len(key) >= 50
    assert environment.secret_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_the_secret_key_of_the_environment_wins_and_writes_nothing(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DJANGO_SECRET_KEY", "given")
    assert environment.secret_key(tmp_path) == "given"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_hold_the_key_names_the_variable_to_set(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("DJANGO_SECRET_KEY", raising=False)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ImproperlyConfigured, match="set DJANGO_SECRET_KEY"):
        environment.secret_key(blocked)


@pytest.mark.parametrize(
    "url",
    ["nonsense", "oracle9://u:hunter2@h/db", "postgres://u:hunter2@h:port/db"],
)
def test_a_wrong_database_url_is_explained_and_never_quoted(monkeypatch, tmp_path, url) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL is not a database URL") as caught:
        environment.database(tmp_path)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_without_a_database_url_there_is_a_file_in_the_state_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    database = environment.database(tmp_path)
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(tmp_path / "db.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_a_state_folder_that_cannot_be_made_names_the_variable_to_set(
    monkeypatch, tmp_path
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ImproperlyConfigured, match="set DATABASE_URL"):
        environment.database(blocked / "folder")


def test_a_postgres_url_becomes_a_postgres_database(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p%40ss@db.example:5433/jobs")
    database = environment.database(tmp_path)
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["PORT"], database["PASSWORD"]) == (
        "db.example",
        5433,
        "p@ss",
    )


def test_a_database_that_does_not_answer_is_given_up_unless_the_url_says_otherwise(
    monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@db.example/jobs?sslmode=require")
    assert environment.database(tmp_path)["OPTIONS"] == {
        "connect_timeout": 5,
        "sslmode": "require",
    }
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@db.example/jobs?connect_timeout=30")
    assert int(environment.database(tmp_path)["OPTIONS"]["connect_timeout"]) == 30
