"""Who calls: a token, a session with permission and CSRF, or nobody."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.test import RequestFactory
from django.utils.timezone import now

from scheduler.api.authentication import (
    Caller,
    CsrfFailed,
    PermissionMissing,
    Unauthenticated,
    authenticate,
)
from scheduler.api.problems import problem_of
from scheduler.domain.tokens import TokenScope
from scheduler.models import ApiToken
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.requests.settings import change_settings
from scheduler.requests.tokens import create_token, revoke_token

pytestmark = pytest.mark.usefixtures("database")

SETTING = "SCHEDULER_EVENTS_API_TOKEN"


def request(method="POST", **headers: str) -> HttpRequest:
    return RequestFactory(headers=headers).generic(method, "/api/")


def secret(*scopes: str) -> str:
    return create_token("warehouse", list(scopes) or ["read"], by="ann").secret


def signed_in(made: HttpRequest, user: User | None = None) -> HttpRequest:
    made.user = user or User.objects.get_or_create(username="ann")[0]
    return made


def with_csrf(made: HttpRequest) -> HttpRequest:
    token = get_token(made)
    made.COOKIES["csrftoken"] = made.META["CSRF_COOKIE"]
    made.META["HTTP_X_CSRFTOKEN"] = token
    return made


class TestATokenCaller:
    def test_has_the_name_and_scopes_of_the_token(self):
        caller = authenticate(request(x_scheduler_token=secret("read", "runs:write")))
        assert caller == Caller(
            "token:warehouse", frozenset(map(TokenScope, ["read", "runs:write"]))
        )

    def test_may_use_the_bearer_header(self):
        caller = authenticate(request(authorization=f"Bearer {secret()}"))
        assert caller.name == "token:warehouse"

    def test_costs_one_query_and_one_a_minute_to_note_its_use(self, django_assert_num_queries):
        text = secret()
        with django_assert_num_queries(2):
            authenticate(request(x_scheduler_token=text))
        with django_assert_num_queries(1):
            authenticate(request(x_scheduler_token=text))
        assert ApiToken.objects.get().last_used_at is not None

    @pytest.mark.parametrize("text", ["", "sesame", "sch_abcdefgh_" + "x" * 43])
    def test_with_a_wrong_token_is_nobody(self, text):
        secret()
        with pytest.raises(Unauthenticated):
            authenticate(request(x_scheduler_token=text))

    def test_with_a_wrong_token_is_nobody_whatever_session_there_is(self):
        made = with_csrf(signed_in(request(x_scheduler_token="sesame")))
        with pytest.raises(Unauthenticated):
            authenticate(made)

    def test_of_an_expired_or_revoked_token_is_told_so(self):
        text = secret()
        ApiToken.objects.update(expires_at=now() - timedelta(1))
        with pytest.raises(Unauthenticated, match="warehouse is expired"):
            authenticate(request(x_scheduler_token=text))
        revoke_token("warehouse", by="ann")
        with pytest.raises(Unauthenticated, match="warehouse is revoked"):
            authenticate(request(x_scheduler_token=text))

    def test_with_another_kind_of_authorization_has_shown_no_token(self):
        with pytest.raises(Unauthenticated, match="X-Scheduler-Token"):
            authenticate(request(authorization="Basic YTpi"))
        behind_a_proxy = signed_in(request("GET", authorization="Basic YTpi"))
        assert authenticate(behind_a_proxy).name == "user:ann"

    def test_may_do_what_its_scopes_say_and_no_more(self):
        caller = authenticate(request(x_scheduler_token=secret("read")))
        caller.must(TokenScope.READ)
        with pytest.raises(PermissionMissing, match=r"token:warehouse .* scope runs:write"):
            caller.must(TokenScope.RUNS_WRITE)

    def test_a_scope_of_a_newer_version_stands_for_nothing(self):
        text = secret("read")
        ApiToken.objects.update(scopes=["read", "moon:write"])
        assert authenticate(request(x_scheduler_token=text)).scopes == {TokenScope.READ}


class TestTheTokenOfTheSettings:
    def test_may_post_events_and_nothing_else(self, monkeypatch):
        monkeypatch.setenv(SETTING, "a long random text")
        caller = authenticate(request(x_scheduler_token="a long random text"))
        assert caller == Caller(f"token:{SETTING}", frozenset({TokenScope.EVENTS_WRITE}))

    def test_may_stand_in_the_rdb(self):
        change_settings({SETTING: "from the rdb"}, by="ann", models=[CoreSettings])
        assert authenticate(request(x_scheduler_token="from the rdb")).name == f"token:{SETTING}"

    def test_counts_for_nothing_while_it_is_empty(self, monkeypatch):
        monkeypatch.setenv(SETTING, "")
        with pytest.raises(Unauthenticated):
            authenticate(request(x_scheduler_token=""))


class TestASessionCaller:
    def test_without_a_session_or_a_token_is_nobody(self):
        with pytest.raises(Unauthenticated, match="X-Scheduler-Token"):
            authenticate(request())

    def test_who_changes_something_needs_the_csrf_token(self):
        with pytest.raises(CsrfFailed):
            authenticate(signed_in(request()))
        assert authenticate(with_csrf(signed_in(request()))).by_session is True

    def test_who_reads_needs_no_csrf_token(self):
        assert authenticate(signed_in(request("GET"))).name == "user:ann"

    def test_may_do_what_the_permissions_say(self):
        ann = User.objects.create_user("ann")
        ann.user_permissions.add(Permission.objects.get(codename="add_event"))
        caller = authenticate(signed_in(request("GET"), ann))
        assert caller.scopes == {TokenScope.EVENTS_WRITE}
        with pytest.raises(PermissionMissing, match=r"permission scheduler\.view_jobrun"):
            caller.must(TokenScope.READ)

    def test_a_superuser_may_do_everything(self):
        root = User.objects.create_superuser("root")
        assert authenticate(signed_in(request("GET"), root)).scopes == set(TokenScope)

    def test_who_was_switched_off_is_nobody(self):
        ann = User.objects.create_user("ann", is_active=False)
        with pytest.raises(Unauthenticated):
            authenticate(signed_in(request("GET"), ann))


def test_a_refusal_is_a_problem_of_rfc_9457():
    answer = problem_of(Unauthenticated("Who is there?"))
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.status_code == 401
    assert b'"type": "about:blank"' in answer.content
    assert b'"title": "Unauthorized"' in answer.content
    assert b'"code": "UNAUTHENTICATED"' in answer.content


@pytest.mark.parametrize("error", [DataError, IntegrityError])
def test_a_statement_that_the_database_refuses_is_no_reason_to_try_again(error):
    answer = problem_of(error("value out of range"))
    assert answer.status_code == 500
    assert "Retry-After" not in answer.headers
    assert b"out of range" not in answer.content


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_does_not_answer_is_to_be_asked_again(error):
    answer = problem_of(error("connection refused at 10.0.0.1"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert b"10.0.0.1" not in answer.content


def test_a_fault_of_ours_shows_nothing_of_itself():
    answer = problem_of(RuntimeError("password=hunter2"))
    assert answer.status_code == 500
    assert b"hunter2" not in answer.content
