"""Those who call the REST API in tests: by token, and signed in by role."""

import json
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client

from scheduler.domain.tokens import TokenScope
from scheduler.requests.tokens import create_token


class Api:
    """Speaks JSON to the API. ``by_session`` sends the CSRF token of its cookie."""

    def __init__(self, client: Client, headers: dict[str, str] | None = None) -> None:
        self._client, self._headers = client, headers or {}

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        path = path if path.startswith("/") else f"/api/v1/{path}"
        data = b"" if body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if body is None else "application/json"
        sent = self._headers | (headers or {})
        return self._client.generic(method, path, data, headers=sent, content_type=kind)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, headers)


def token_api(*scopes: TokenScope, name: str = "ci") -> Api:
    """A machine with a token of these scopes (all, if none is named)."""
    issued = create_token(name, list(scopes or TokenScope), by="test")
    return Api(Client(), {"X-Scheduler-Token": issued.secret})


def user_api(*groups: str, superuser: bool = False, csrf: bool = True) -> Api:
    """A signed-in user of these groups."""
    name = "-".join(groups) or ("root" if superuser else "nobody")
    user = User.objects.create_user(name.replace(" ", "-"), password="x", is_superuser=superuser)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    client.cookies["csrftoken"] = "a" * 32
    return Api(client, {"X-CSRFToken": "a" * 32} if csrf else {})


def code_of(response: Any) -> str:
    """The code of a problem, which must be a whole one."""
    assert response["Content-Type"] == "application/problem+json", response.content
    body = json.loads(response.content)
    assert body["status"] == response.status_code
    assert {"type", "title", "detail", "code"} <= body.keys()
    assert "Traceback" not in body["detail"]
    return body["code"]
