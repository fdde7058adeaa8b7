"""API tokens: the form of their text, their scopes, and the proof."""

import pytest

from scheduler.domain.tokens import (
    SCOPE_MEANINGS,
    InvalidToken,
    TokenScope,
    digest_of,
    is_proven,
    parse_scopes,
    prefix_of,
)

TEXT = "sch_abcdefg2_" + "x" * 43


def test_the_prefix_is_the_part_before_the_secret():
    assert prefix_of(TEXT) == "sch_abcdefg2"


@pytest.mark.parametrize(
    "text", ["", "sesame", TEXT[:-1], TEXT + "x", TEXT + "\n", TEXT.replace("2", "1"), "\0" * 56]
)
def test_what_has_not_the_form_of_a_token_has_no_prefix(text):
    assert prefix_of(text) is None


def test_only_the_whole_text_proves_a_token():
    assert is_proven(TEXT, digest_of(TEXT))
    assert not is_proven(TEXT[:-1] + "y", digest_of(TEXT))


def test_what_is_kept_of_a_token_does_not_hold_it():
    assert TEXT[13:] not in digest_of(TEXT)
    assert len(digest_of(TEXT)) == 64


def test_a_text_that_is_no_unicode_proves_nothing():
    assert not is_proven("\udcff", digest_of(TEXT))


def test_scopes_are_taken_once_and_in_order():
    asked = ["read", "events:write", "read"]
    assert parse_scopes(asked) == (TokenScope.EVENTS_WRITE, TokenScope.READ)


def test_an_unknown_scope_is_named_with_those_there_are():
    with pytest.raises(InvalidToken) as caught:
        parse_scopes(["read", "everything"])
    assert "no scope 'everything'" in str(caught.value)
    assert "events:write" in str(caught.value)


def test_a_token_without_scopes_is_none():
    with pytest.raises(InvalidToken, match="none given"):
        parse_scopes([])


def test_every_scope_says_what_it_allows():
    assert set(SCOPE_MEANINGS) == set(TokenScope)
