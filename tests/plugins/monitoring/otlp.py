"""What a receiver of OTLP over HTTP was sent."""

import gzip

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.plugins.http_server import LocalServer


def spans_sent_to(server: LocalServer) -> list[Span]:
    """The spans of all requests, in order."""
    found = []
    for asked in server.asked:
        assert asked.path == "/v1/traces"
        assert asked.headers["content-type"] == "application/x-protobuf"
        zipped = asked.headers.get("content-encoding") == "gzip"
        request = ExportTraceServiceRequest.FromString(
            gzip.decompress(asked.body) if zipped else asked.body
        )
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                found += scope.spans
    return found
