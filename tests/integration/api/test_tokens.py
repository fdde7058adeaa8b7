"""Tokens in the database: made, found by their secret, rotated, revoked."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils.timezone import now

from scheduler.domain.tokens import InvalidToken, TokenNotFound
from scheduler.models import AdminActionLog, ApiToken
from scheduler.queries.tokens import PresentedToken, find_token, list_tokens
from scheduler.requests.tokens import create_token, note_use, revoke_token, rotate_token

pytestmark = pytest.mark.usefixtures("database")

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def made(name="warehouse", **fields):
    return create_token(name, ["events:write"], by="ann", **fields)


def found(text: str) -> PresentedToken | None:
    return find_token(text, noted_every=MINUTE)


def refusal(text: str) -> str:
    one = found(text)
    assert one is not None
    return one.refusal


class TestMaking:
    def test_a_token_is_found_by_its_secret_alone(self):
        issued = made()
        one = found(issued.secret)
        assert one is not None
        assert (one.token.name, one.refusal) == ("warehouse", "")
        assert found(issued.secret[:-1] + ("a" if issued.secret[-1] != "a" else "b")) is None
        assert found(issued.token.prefix) is None

    def test_the_secret_stands_nowhere_in_the_database_nor_in_the_repr(self):
        issued = made()
        secret = issued.secret.rpartition("_")[2]
        row = ApiToken.objects.values().get()
        assert secret not in str(row)
        assert secret not in str(list(AdminActionLog.objects.values()))
        assert issued.secret not in repr(issued)

    def test_two_live_tokens_never_share_a_name(self):
        made()
        with pytest.raises(ValidationError, match="in use already"):
            made()

    def test_a_name_is_free_again_once_its_token_is_revoked(self):
        made()
        revoke_token("warehouse", by="ann")
        made()
        assert ApiToken.objects.count() == 2

    @pytest.mark.parametrize("name", ["", " ", "with space", "-x", "x" * 101, "new\nline"])
    def test_a_bad_name_is_refused(self, name):
        with pytest.raises(ValidationError):
            made(name)

    def test_an_end_that_has_passed_is_refused(self):
        with pytest.raises(InvalidToken, match="expires_at"):
            made(expires_at=now() - MINUTE)

    def test_it_is_recorded_who_made_it(self):
        made()
        row = AdminActionLog.objects.get()
        assert (row.actor, row.action, row.target) == ("ann", "token_created", "warehouse")


class TestTheEndOfAToken:
    def test_an_expired_one_is_known_and_refused(self):
        issued = made(expires_at=now() + DAY)
        assert refusal(issued.secret) == ""
        ApiToken.objects.update(expires_at=now() - MINUTE)
        assert refusal(issued.secret) == "expired"

    def test_a_revoked_one_is_refused_at_once_with_its_old_secret(self):
        first = made()
        second = rotate_token("warehouse", by="ann")
        revoke_token("warehouse", by="ann")
        assert [refusal(one.secret) for one in (first, second)] == ["revoked", "revoked"]

    def test_what_is_not_there_is_not_revoked(self):
        with pytest.raises(TokenNotFound):
            revoke_token("warehouse", by="ann")


class TestRotation:
    def test_both_secrets_count_for_the_grace(self):
        first = made()
        second = rotate_token("warehouse", by="ann", grace=DAY)
        assert [refusal(one.secret) for one in (first, second)] == ["", ""]
        ApiToken.objects.update(old_valid_until=now() - MINUTE)
        assert refusal(first.secret) == "replaced by a rotation"
        assert refusal(second.secret) == ""

    def test_without_a_grace_the_old_secret_ends_at_once(self):
        first = made()
        rotate_token("warehouse", by="ann", grace=timedelta(0))
        assert refusal(first.secret) == "replaced by a rotation"

    def test_a_second_rotation_ends_the_first_secret(self):
        first = made()
        rotate_token("warehouse", by="ann", grace=DAY)
        rotate_token("warehouse", by="ann", grace=DAY)
        assert found(first.secret) is None

    def test_an_expired_token_needs_a_new_end(self):
        made(expires_at=now() + DAY)
        ApiToken.objects.update(expires_at=now() - MINUTE)
        with pytest.raises(InvalidToken, match="has passed"):
            rotate_token("warehouse", by="ann")
        issued = rotate_token("warehouse", by="ann", expires_at=now() + DAY)
        assert refusal(issued.secret) == ""

    def test_scopes_and_name_stay(self):
        made()
        issued = rotate_token("warehouse", by="ann")
        assert issued.token.scopes == ["events:write"]
        assert [view.state for view in list_tokens()] == ["in use"]


class TestTheLastUse:
    def test_is_noted_once_a_minute(self, django_assert_num_queries):
        issued = made()
        one = found(issued.secret)
        assert one is not None
        assert one.use_is_due
        note_use(one.token)
        noted = ApiToken.objects.get().last_used_at
        assert noted is not None
        again = found(issued.secret)
        assert again is not None
        assert not again.use_is_due
        # Two processes that found it due at the same time.
        note_use(one.token)
        assert ApiToken.objects.get().last_used_at == noted

    def test_is_noted_again_after_a_minute(self):
        issued = made()
        ApiToken.objects.update(last_used_at=now() - 2 * MINUTE)
        one = found(issued.secret)
        assert one is not None
        assert one.use_is_due


def test_lists_show_revoked_tokens_only_when_asked():
    made("a")
    made("b", expires_at=now() + DAY)
    revoke_token("a", by="ann")
    ApiToken.objects.filter(name="b").update(expires_at=now() - MINUTE)
    assert [(view.name, view.state) for view in list_tokens()] == [("b", "expired")]
    every = [(view.name, view.state) for view in list_tokens(revoked=True)]
    assert every == [("a", "revoked"), ("b", "expired")]
