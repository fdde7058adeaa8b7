"""What a command line may hold by mistake: one sentence and exit code 2, never a traceback."""

import getpass

import pytest

from scheduler.models import AdminActionLog, RunRequest
from scheduler.requests import save_definition
from tests.contract.store.world import World
from tests.integration.store_commands.conftest import Call

NO_UTF8 = b"caf\xe9".decode(errors="surrogateescape")
DEEP = "[" * 50_000


@pytest.fixture(autouse=True)
def report(world: World):
    save_definition("report", by="t", command_name="noop")


@pytest.mark.parametrize("args", ["[1e400]", "[NaN]", '["\\u0000"]', '["\\ud800"]', DEEP])
def test_arguments_that_no_database_takes(call: Call, args: str):
    told = call("scheduler_run", "report", "--args", args)
    assert told.code == 2
    assert told.err.startswith("--args")
    assert "database" not in told.err
    assert not RunRequest.objects.exists()


@pytest.mark.parametrize(
    "command",
    [
        ("scheduler_run", NO_UTF8),
        ("scheduler_why", NO_UTF8),
        ("scheduler_pause", "--reason", NO_UTF8),
        ("scheduler_quarantine", "report", "--reason", NO_UTF8),
    ],
)
def test_bytes_that_are_no_utf_8(call: Call, command: tuple[str, ...]):
    told = call(*command)
    assert (told.code, told.err) == (2, "An argument is not text in UTF-8; write it so.")


@pytest.mark.parametrize("option", ["--set", "--try"])
def test_a_file_that_is_nested_too_deep(call: Call, tmp_path, option: str):
    file = tmp_path / "deep.json"
    file.write_text(DEEP + "]" * len(DEEP))
    told = call("scheduler_triggers", "report", option, str(file))
    assert told.code == 2
    assert "nested too deep" in told.err


def test_a_user_without_a_name_as_containers_have_it(call: Call, monkeypatch):
    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert call("scheduler_token", "create", "ci", "--scope", "read").code == 0
    assert call("scheduler_jobs", "disable", "report").code == 0
    actors = set(AdminActionLog.objects.exclude(actor="t").values_list("actor", flat=True))
    assert len(actors) == 1
    assert actors.pop().startswith("cli:uid ")
