"""Each operation of the REST API, called by each role and with each scope."""

import pytest

from scheduler.api.rest.application import build
from scheduler.domain.tokens import TokenScope
from scheduler.models import AdminActionLog
from scheduler.requests.roles import APP_OPERATOR, OPS_ADMIN, PERMISSIONS, ensure_roles
from tests.integration.api.callers import Api, code_of, token_api, user_api
from tests.integration.api.table import TABLE, Row

pytestmark = pytest.mark.usefixtures("database")

each_operation = pytest.mark.parametrize("row", TABLE, ids=str)


@pytest.fixture
def database(django_sqlite):
    """The rules are the same on every database: the cheapest will do."""
    return django_sqlite


def refused(api: Api, row: Row) -> bool:
    response = api.call(row.method, row.address)
    assert response.status_code not in (401, 405)
    assert response.status_code < 500
    return response.status_code == 403


def test_every_operation_has_its_row():
    paths = build().get_openapi_schema(path_prefix="api/v1/")["paths"]
    described = {
        (method.upper(), path, operation["x-scope"])
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    assert described == {(row.method, row.path, row.scope.value) for row in TABLE}


@each_operation
def test_nobody_gets_in_without_a_token_or_session(client, row: Row):
    response = client.generic(row.method, row.address)
    assert response.status_code == 401
    assert code_of(response) == "UNAUTHENTICATED"
    assert response["WWW-Authenticate"]


def test_the_scope_opens_its_operations_and_no_others():
    for scope in TokenScope:
        api = token_api(scope, name=scope.value)
        found = {str(row) for row in TABLE if not refused(api, row)}
        assert found == {str(row) for row in TABLE if row.scope is scope}, scope


def test_a_refusal_names_the_scope_that_is_needed():
    response = token_api(TokenScope.READ).post("jobs", {"name": "x"})
    assert code_of(response) == "PERMISSION_MISSING"
    assert "jobs:write" in response.json()["detail"]


def test_an_app_operator_has_jobs_and_runs_and_no_more():
    api = user_api(APP_OPERATOR)
    assert {str(row) for row in TABLE if not refused(api, row)} == {
        str(row) for row in TABLE if row.operator
    }


def test_an_ops_admin_has_workers_and_settings_too():
    api = user_api(OPS_ADMIN)
    assert all(not refused(api, row) for row in TABLE if row.admin)


def test_a_superuser_may_all():
    api = user_api(superuser=True)
    assert not any(refused(api, row) for row in TABLE)


def test_a_user_without_a_role_may_nothing():
    api = user_api()
    assert all(refused(api, row) for row in TABLE)


def test_a_session_changes_nothing_without_the_csrf_token():
    api = user_api(superuser=True, csrf=False)
    for row in TABLE:
        response = api.call(row.method, row.address)
        if row.method != "GET":
            assert code_of(response) == "CSRF_FAILED", row
        else:
            assert response.status_code != 403, row
    assert not AdminActionLog.objects.exists()


def test_the_roles_are_there_after_a_migration_and_keep_what_was_added():
    from django.contrib.auth.models import Group, Permission

    group = Group.objects.get(name=APP_OPERATOR)
    extra = Permission.objects.get(codename="view_user")
    group.permissions.add(extra)
    group.permissions.remove(Permission.objects.get(codename="add_runrequest"))
    ensure_roles()
    names = set(group.permissions.values_list("codename", flat=True))
    assert names == PERMISSIONS[APP_OPERATOR] | {"view_user"}
    admin = Group.objects.get(name=OPS_ADMIN).permissions.values_list("codename", flat=True)
    assert set(admin) == PERMISSIONS[OPS_ADMIN]
    assert "change_secret_setting" not in admin
