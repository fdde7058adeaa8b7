"""One configured server, asked over HTTP with limits on everything.

Only the configured address is called; a redirect is an error. The time limit is for the whole
answer, headers and all, not for each piece of it: the library's holds for each piece anew, so the
line is shut when the time is up. A long answer is cut off with an error. Proxies and
``.netrc`` of the environment are not looked at.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from scheduler.plugin_api.line_limits import NotingLines
from scheduler_monitoring.errors import (
    RemoteMalformed,
    RemoteNotConfigured,
    RemoteRedirected,
    RemoteRefused,
    RemoteUnavailable,
)

BYTES_AT_MOST = 8 * 1024 * 1024
_PIECE = 64 * 1024
_TOLD = 300


@dataclass(frozen=True, slots=True)
class Remote:
    """``address`` without a slash at its end; ``setting`` names where it is set. ``ca_file`` empty:
    the system's authorities."""

    server: str
    setting: str
    address: str
    token: str = ""
    ca_file: str = ""
    timeout_seconds: float = 5.0

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        document: Any = None,
    ) -> bytes:
        """The body of a successful answer. Raises RemoteError's kinds."""
        if not self.address:
            raise RemoteNotConfigured(self.server, self.setting)
        deadline = time.monotonic() + self.timeout_seconds
        try:
            with (
                _session(self.timeout_seconds) as session,
                session.request(
                    method,
                    f"{self.address}{path}",
                    params=query,
                    data=form,
                    json=document,
                    headers=self._headers(),
                    timeout=self.timeout_seconds,
                    verify=self.ca_file or True,
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                return self._body(answer, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            why = "no answer in time" if time.monotonic() >= deadline else _short(error)
            raise RemoteUnavailable(self.server, self.address, why) from error

    def ask_json(self, method: str, path: str, **parts: Any) -> Any:
        """The same, as what the JSON says."""
        body = self.ask(method, path, **parts)
        try:
            return json.loads(body)
        except ValueError as error:
            raise RemoteMalformed(self.server, "it is no JSON") from error

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def _body(self, answer: requests.Response, deadline: float) -> bytes:
        if answer.is_redirect or 300 <= answer.status_code < 400:
            raise RemoteRedirected(self.server, self.address, self.setting)
        body = self._read(answer, deadline)
        if not answer.ok:
            raise RemoteRefused(self.server, answer.status_code, told(answer.status_code, body))
        return body

    def _read(self, answer: requests.Response, deadline: float) -> bytes:
        found = bytearray()
        # read1 returns what is there: a server that sends a byte at a time meets the deadline too.
        while piece := answer.raw.read1(_PIECE, decode_content=True):
            found += piece
            if len(found) > BYTES_AT_MOST:
                raise RemoteMalformed(self.server, f"it is longer than {BYTES_AT_MOST} bytes")
            self._check(deadline)
        # To the library a line that was shut is the end of an answer without a length.
        self._check(deadline)
        return bytes(found)

    def _check(self, deadline: float) -> None:
        if time.monotonic() >= deadline:
            why = f"not done within {self.timeout_seconds:g} s"
            raise RemoteUnavailable(self.server, self.address, why)


class _Adapter(NotingLines, HTTPAdapter):
    """Knows the lines that it opened."""


@contextmanager
def _session(seconds: float) -> Iterator[requests.Session]:
    """A session that ends when the time is up, and looks at nothing of the environment."""
    adapter = _Adapter()
    with requests.Session() as session, adapter.lines.within(seconds):
        session.trust_env = False
        yield adapter.mounted_in(session)


def told(status: int, body: bytes) -> str:
    """What a refusal says, in short: the error of a JSON answer, else its first line."""
    try:
        said = json.loads(body)
    except ValueError:
        said = body.decode(errors="replace").strip().partition("\n")[0]
    if isinstance(said, dict):
        said = said.get("error") or said.get("message") or ""
    return _printable(str(said)) or _phrase(status)


def _phrase(status: int) -> str:
    known = {one.value: one.phrase for one in HTTPStatus}
    return known.get(status, "no reason given")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:_TOLD].strip()


def _short(error: Exception) -> str:
    """The kind of what happened, without addresses: those may hold more than is to be shown."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.Timeout | TimeoutError):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__
