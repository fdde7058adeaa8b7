"""``manage.py scheduler_token``: the secret is printed once, alone on standard output."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduler.domain.tokens import TokenScope
from scheduler.models import ApiToken
from scheduler.queries.tokens import find_token
from scheduler.requests.tokens import USE_IS_NOTED_EVERY

pytestmark = pytest.mark.usefixtures("database")


def call(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("scheduler_token", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def is_valid(text: str) -> bool:
    found = find_token(text.strip(), noted_every=USE_IS_NOTED_EVERY)
    return found is not None and not found.refusal


def create(*more: str) -> str:
    return call("create", "warehouse", "--scope", "events:write", *more)[0]


def test_create_prints_a_secret_that_is_valid_and_nothing_else():
    out, err = call("create", "warehouse", "--scope", "events:write", "--scope", "read")
    assert is_valid(out)
    assert out.strip() not in err
    assert ApiToken.objects.get().scopes == ["events:write", "read"]


def test_rotate_prints_another_and_says_how_long_the_old_one_counts():
    first = create()
    second, err = call("rotate", "warehouse", "--grace-hours", "1")
    assert is_valid(first)
    assert is_valid(second)
    assert "valid until" in err
    call("rotate", "warehouse", "--grace-hours", "0")
    assert not is_valid(second)


def test_revoke_ends_it():
    first = create()
    call("revoke", "warehouse")
    assert not is_valid(first)


def test_list_shows_prefix_scopes_and_last_use_but_no_secret():
    secret = create("--expires-days", "30").strip()
    out, _ = call("list")
    assert secret[:12] in out
    assert "events:write" in out
    assert "last used never" in out
    assert "expires" in out
    assert secret[13:] not in out


def test_list_as_json_is_for_programs():
    create()
    (shown,) = json.loads(call("list", "--json")[0])
    assert (shown["name"], shown["state"], shown["last_used_at"]) == ("warehouse", "in use", None)


def test_list_says_how_to_make_the_first():
    out, err = call("list")
    assert (out, "scheduler_token create" in err) == ("", True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "warehouse"], "none given"),
        (["create", "warehouse", "--scope", "moon"], "no scope 'moon'"),
        (["create", "a b", "--scope", "read"], "letters, digits"),
        (["create", "warehouse", "--scope", "read", "--expires-days", "0"], "above 0"),
        (["rotate", "nobody"], "no token 'nobody'"),
        (["rotate", "nobody", "--grace-hours", "-1"], "from 0"),
        (["revoke", "nobody"], "no token 'nobody'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments: list[str], sentence: str):
    with pytest.raises(CommandError, match=sentence) as caught:
        call(*arguments)
    assert caught.value.returncode in (1, 2)


def test_help_names_every_scope_and_the_exit_codes():
    from scheduler.management.commands.scheduler_token import Command

    text: Any = Command().create_parser("manage.py", "scheduler_token").format_help()
    assert all(scope in text for scope in TokenScope)
    assert "exit codes" in text
