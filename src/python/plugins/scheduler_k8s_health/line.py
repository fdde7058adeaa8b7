"""One short-lived line to the API server, by the official client with the pod's service account.

Each reading has a line of its own: so a rotated token and a renewed CA are always the newest, and
no idle connection outlives the API server that it led to. No retries and no redirects: the token
goes to the one address that Kubernetes named, and what fails is told at once.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import urllib3
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from kubernetes.config.incluster_config import InClusterConfigLoader

from scheduler_k8s_health import parsing
from scheduler_k8s_health.errors import (
    AccessDenied,
    BadSelector,
    CertificateRefused,
    DidNotAnswerInTime,
    MalformedAnswer,
    NotServed,
    OutsideCluster,
    ServerFailed,
    TokenRefused,
    Unreachable,
)
from scheduler_k8s_health.facts import Listed

PAGE_ITEMS = 250
MOST_PAGES = 8
MOST_BYTES = 32 * 1024 * 1024
"""Of one page: 250 pods of a hundred kilobytes each fit."""

BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """A GET. ``verb`` and ``what`` are RBAC's words for it."""

    path: str
    verb: str
    what: str
    namespace: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class Line:
    """Asks within one time limit for all its questions. Raises KubernetesProblem."""

    def __init__(self, client: ApiClient, seconds: float) -> None:
        self._client, self._seconds = client, seconds
        self._deadline = monotonic() + seconds
        self._address = client.configuration.host.removeprefix("https://")

    def ask(self, question: Question, *, also_fine: Collection[int] = ()) -> Answer:
        """The answer of status 200, or of one that is also fine."""
        answer = self._fetched(question)
        if answer.status != 200 and answer.status not in also_fine:
            raise _refusal(question, answer.status)
        return answer

    def parsed[T](self, question: Question, parse: Callable[[parsing.Json], T]) -> T:
        """A JSON object, as ``parse`` understands it."""
        body = self.ask(question).body
        try:
            found = json.loads(body)
            if not isinstance(found, dict):
                raise ValueError("it is no JSON object")
            return parse(found)
        except (ValueError, RecursionError) as error:
            raise MalformedAnswer(question.what, _why_malformed(error)) from None

    def listed[T](
        self, question: Question, kind: str, parse: Callable[[parsing.Json], T]
    ) -> Listed[T]:
        """The items of all pages, of MOST_PAGES at most."""
        found: list[T] = []
        after = ""
        for _ in range(MOST_PAGES):
            page, after = self.parsed(
                _page(question, after),
                lambda body: (list(map(parse, parsing.items(body, kind))), parsing.next_page(body)),
            )
            found += page
            if not after:
                return Listed(tuple(found))
        return Listed(tuple(found), whole=False)

    def _fetched(self, question: Question) -> Answer:
        request = self._client.param_serialize(
            "GET",
            question.path,
            query_params=list(question.query.items()),
            header_params={"Accept": "application/json, */*"},
            auth_settings=["BearerToken"],
        )
        with self._translated(question):
            response = self._client.call_api(*request, _request_timeout=self._left(question))
            try:
                return Answer(response.status, self._body(question, response.response))
            finally:
                response.response.close()

    @contextmanager
    def _translated(self, question: Question) -> Iterator[None]:
        """What the client raises becomes a KubernetesProblem."""
        try:
            yield
        except urllib3.exceptions.NewConnectionError as error:
            # A kind of time-out to the library, whatever was in the way.
            raise Unreachable(self._address, _why_unreachable(error)) from None
        except (urllib3.exceptions.TimeoutError, TimeoutError):
            raise DidNotAnswerInTime(question.what, self._seconds) from None
        except (urllib3.exceptions.SSLError, ApiException) as error:
            # The client turns a failed handshake into an ApiException without a status.
            raise CertificateRefused(self._address, _why_tls(error)) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(self._address, _why_unreachable(error)) from None

    def _body(self, question: Question, response: urllib3.BaseHTTPResponse) -> bytes:
        body = bytearray()
        while block := self._block(question, response):
            body += block
            if len(body) > MOST_BYTES:
                raise MalformedAnswer(question.what, f"it is longer than {MOST_BYTES} bytes")
        return bytes(body)

    def _block(self, question: Question, response: urllib3.BaseHTTPResponse) -> bytes:
        left = self._left(question)
        # The client's limit holds for each read anew; this one is for all that is left.
        line = getattr(response.connection, "sock", None)
        if line is not None:
            line.settimeout(left)
        return response.read1(BLOCK_BYTES)

    def _left(self, question: Question) -> float:
        left = self._deadline - monotonic()
        if left <= 0:
            raise DidNotAnswerInTime(question.what, self._seconds)
        return left


@contextmanager
def line_to_api_server(
    service_account: Path, environ: Mapping[str, str], seconds: float
) -> Iterator[Line]:
    """A line with the credentials of now. Raises OutsideCluster, CertificateRefused."""
    configuration = _configuration(service_account, environ)
    try:
        client = ApiClient(configuration)
    except (OSError, urllib3.exceptions.HTTPError) as error:
        address = configuration.host.removeprefix("https://")
        raise CertificateRefused(address, _why_tls(error)) from None
    with client:
        yield Line(client, seconds)


def _configuration(service_account: Path, environ: Mapping[str, str]) -> Configuration:
    token, authority = service_account / "token", service_account / "ca.crt"
    configuration = Configuration()
    files = (str(token), str(authority))
    loader = InClusterConfigLoader(*files, False, environ)  # type: ignore[no-untyped-call]
    try:
        loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise OutsideCluster(str(error).rstrip(".").lower()) from None
    except (OSError, UnicodeDecodeError):
        raise OutsideCluster("its token or CA cannot be read") from None
    header = configuration.api_key["BearerToken"].strip()
    # Looked at here: what cannot be sent would be quoted, secret and all, by the library.
    if not re.fullmatch(r"(?i:bearer) [\x21-\x7e]+", header):
        raise OutsideCluster("its token is empty or no token")
    configuration.api_key["BearerToken"] = header
    configuration.retries = False
    # The API server is in the cluster: a proxy on the way out would not lead to it.
    configuration.proxy = None
    return configuration


def _page(question: Question, after: str) -> Question:
    query = {**question.query, "limit": str(PAGE_ITEMS)} | ({"continue": after} if after else {})
    return Question(question.path, question.verb, question.what, question.namespace, query)


def _refusal(question: Question, status: int) -> Exception:
    if status == 400 and "labelSelector" in question.query:
        return BadSelector(question.what, question.query["labelSelector"])
    if status == 401:
        return TokenRefused(question.what)
    if status == 403:
        return AccessDenied(question.verb, question.what, question.namespace)
    if status == 404:
        return NotServed(question.what)
    if status >= 500 or status == 429:
        return ServerFailed(question.what, status)
    return MalformedAnswer(question.what, f"status {status}")


def _why_malformed(error: Exception) -> str:
    """Our own sentences, or that it is no JSON: a decoder's may quote what it read."""
    known = type(error) is ValueError
    return str(error) if known else "it is no JSON"


def _why_tls(error: Any) -> str:
    text = " ".join(str(getattr(error, "reason", None) or error).split())
    for told in ("certificate has expired", "self-signed certificate", "Hostname mismatch"):
        if told.lower() in text.lower():
            return told
    if "CERTIFICATE_VERIFY_FAILED" in text or "doesn't match" in text:
        return "its certificate cannot be verified"
    return "no TLS handshake"


def _why_unreachable(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "its name has no address"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "connection refused" if "refused" in str(error).lower() else "no route"
    return "the connection broke"
