"""A small TLS server that answers as the Kubernetes API does: lists in pages, label selectors,
bearer tokens, RBAC by the rules it is given, and its ways of failing."""

import json
import ssl
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme

from tests.plugins.k8s_health import bodies

NAMESPACE = "scheduler"
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ing1In0.first.c2lnbmF0dXJl"
NODES = "/api/v1/nodes"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
BUDGETS = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"
LISTS = {NODES: "NodeList", PODS: "PodList", BUDGETS: "PodDisruptionBudgetList"}

type Reply = tuple[int, str, bytes]


@dataclass(frozen=True)
class Asked:
    """A request in RBAC's words. ``resource`` is empty for a path that is no resource."""

    verb: str
    path: str
    group: str
    resource: str
    namespace: str
    query: Mapping[str, str]
    token: str

    @classmethod
    def of(cls, path: str, authorization: str) -> "Asked":
        split = urlsplit(path)
        query = {k: v[0] for k, v in parse_qs(split.query, keep_blank_values=True).items()}
        parts = split.path.strip("/").split("/")
        group = ""
        if parts[0] == "apis":
            group, parts = parts[1], parts[3:]
        elif parts[0] == "api":
            parts = parts[2:]
        else:
            parts = []
        namespace = ""
        if parts[:1] == ["namespaces"] and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        verb = "list" if len(parts) == 1 else "get"
        resource = parts[0] if parts else ""
        token = authorization.removeprefix("bearer ").removeprefix("Bearer ")
        return cls(verb, split.path, group, resource, namespace, query, token)


@dataclass
class KubeServer:
    """Its state may be changed while it runs. ``replies`` go over all else. ``hung`` paths are not
    answered until the end, ``dripping`` ones byte by byte, ``stopping`` ones late and in half."""

    port: int = 0
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    allows: Callable[[Asked], bool] = lambda asked: True
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    readyz: tuple[int, str] = (200, bodies.READY)
    replies: dict[str, Reply] = field(default_factory=dict)
    hung: set[str] = field(default_factory=set)
    dripping: set[str] = field(default_factory=set)
    stopping: set[str] = field(default_factory=set)
    asked: list[Asked] = field(default_factory=list)
    ended: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.lists = {
            NODES: [bodies.node("node-a"), bodies.node("node-b")],
            PODS: [bodies.pod("worker-1"), bodies.pod("worker-2"), bodies.pod("worker-3")],
            BUDGETS: [bodies.budget("workers")],
        }

    def fails(self, path: str, status: int, reason: str = "", message: str = "") -> None:
        self.replies[path] = _json(status, bodies.status(status, reason, message))

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if asked.path in self.hung:
            self.ended.wait(30)
        if asked.token not in self.tokens:
            return _json(401, bodies.status(401, "Unauthorized", "Unauthorized"))
        if not self.allows(asked):
            return _json(403, bodies.status(403, "Forbidden", "it is forbidden"))
        if asked.path in self.replies:
            return self.replies[asked.path]
        return self._served(asked)

    def _served(self, asked: Asked) -> Reply:
        if asked.path == "/version":
            return _json(200, bodies.VERSION)
        if asked.path == "/readyz":
            status, text = self.readyz
            return status, "text/plain; charset=utf-8", text.encode()
        if asked.path in self.lists:
            return _json(200, self._page(asked))
        return _json(404, bodies.status(404, "NotFound", "the server could not find it"))

    def _page(self, asked: Asked) -> dict[str, Any]:
        found = [one for one in self.lists[asked.path] if _selected(one, asked.query)]
        begin = int(urlsafe_b64decode(asked.query["continue"])) if "continue" in asked.query else 0
        end = begin + int(asked.query.get("limit", len(found)))
        metadata: dict[str, Any] = {"resourceVersion": "48300"}
        if end < len(found):
            after = urlsafe_b64encode(str(end).encode()).decode()
            metadata |= {"continue": after, "remainingItemCount": len(found) - end}
        version = "policy/v1" if asked.group == "policy" else "v1"
        return {
            "kind": LISTS[asked.path],
            "apiVersion": version,
            "metadata": metadata,
            "items": found[begin:end],
        }


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is what some tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def serving(certificate: trustme.LeafCert) -> Iterator[KubeServer]:
    """A server on a free port of 127.0.0.1, with this certificate."""
    kube = KubeServer()
    server = _Server(("127.0.0.1", 0), _handler(kube))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    kube.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kube
    finally:
        kube.ended.set()
        server.shutdown()
        thread.join(5)
        server.server_close()


def write_service_account(
    folder: Path, authority: trustme.CA, token: str = TOKEN, namespace: str = NAMESPACE
) -> None:
    """The files that the kubelet mounts into a pod."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text(token)
    (folder / "namespace").write_text(namespace)
    authority.cert_pem.write_to_path(folder / "ca.crt")


def pod_environment(port: int) -> dict[str, str]:
    """What the kubelet puts into every container's environment."""
    return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}


def _selected(item: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    wanted: Sequence[str] = [one for one in query.get("labelSelector", "").split(",") if one]
    labels = item["metadata"]["labels"]
    return all(labels.get(one.partition("=")[0]) == one.partition("=")[2] for one in wanted)


def _json(status: int, body: Any) -> Reply:
    return status, "application/json", json.dumps(body).encode()


def _handler(kube: KubeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = Asked.of(self.path, self.headers.get("Authorization", ""))
            status, content_type, body = kube.answer(asked)
            if asked.path in kube.stopping:
                kube.ended.wait(0.7)
            if kube.ended.is_set():
                return
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            if status in (301, 302, 307):
                self.send_header("Location", body.decode())
            self.end_headers()
            if asked.path in kube.dripping:
                self._drip(body)
            elif asked.path in kube.stopping:
                self.wfile.write(body[: len(body) // 2])
                kube.ended.wait(30)
            else:
                self.wfile.write(body)

        def _drip(self, body: bytes) -> None:
            """Byte by byte, each well within the time limit of one read."""
            for byte in body:
                self.wfile.write(bytes([byte]))
                if kube.ended.wait(0.05):
                    return

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: what was asked stands in ``kube.asked``."""

    return Handler
