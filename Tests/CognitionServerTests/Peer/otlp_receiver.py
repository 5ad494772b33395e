"""A receiver of OTLP/HTTP in JSON that is not ours: reads requests by the protocol's own definition.

Usage: otlp_receiver.py SCRIPT    SCRIPT: answers of the first requests, separated by commas: a status, `429:SECONDS` for
one with Retry-After, `slow:SECONDS`; after them 200. Prints its port, then one line of JSON for each span of each request
that it took, and `refused STATUS` for the others.
"""

import base64
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

script = [word for word in sys.argv[1].split(",") if word] if len(sys.argv) > 1 else []


def read(body):
    """The mapping of OTLP has ids in hexadecimal, where that of protocol buffers has base64."""

    def walk(value):
        if isinstance(value, dict):
            for name, member in value.items():
                if name in ("traceId", "spanId", "parentSpanId"):
                    value[name] = base64.b64encode(bytes.fromhex(member)).decode()
                else:
                    walk(member)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    document = json.loads(body)
    walk(document)
    return json_format.ParseDict(document, ExportTraceServiceRequest())


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def attributes(pairs):
    return {pair.key: plain(pair.value) for pair in pairs}


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = script.pop(0) if script else "200"
        if answer.startswith("slow:"):
            time.sleep(float(answer[5:]))
            answer = "200"
        status, _, after = answer.partition(":")
        if status == "200":
            assert self.path == "/v1/traces", self.path
            assert self.headers["Content-Type"] == "application/json", self.headers
            self.tell(read(body))
        else:
            print("refused", status, flush=True)
        self.send_response(int(status))
        if after:
            self.send_header("Retry-After", after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def tell(self, request):
        for resource in request.resource_spans:
            who = attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    line = {
                        "resource": who, "scope": scope.scope.name, "name": span.name, "kind": span.kind,
                        "trace": span.trace_id.hex(), "span": span.span_id.hex(), "parent": span.parent_span_id.hex(),
                        "state": span.trace_state, "start": span.start_time_unix_nano, "end": span.end_time_unix_nano,
                        "attributes": attributes(span.attributes), "status": span.status.code,
                        "events": [{"name": event.name, "attributes": attributes(event.attributes)} for event in span.events],
                        "header": self.headers.get("X-Key", ""),
                    }
                    print(json.dumps(line), flush=True)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
