"""A scripted provider: OpenAI's paths on loopback, steered by the words of the last message. Not a model, and it says so.

    python3 provider.py [PORT]

Prints `{"url": "http://127.0.0.1:PORT"}` as its first line and serves until its stdin is closed or it is ended.

    say: TEXT           answers TEXT                      filter            ends with `content_filter`
    tool {"a": 1}       calls the first tool so           error 429 [CODE]  refuses so (`error 401`, `error 503 overloaded` ...)
    schema              text that fits the JSON schema    hang SECONDS      answers late
    reasoning           reasoning fields as well          slow N MS         N deltas with gaps of MS milliseconds
    usage P C           claims P and C tokens             break             a stream that ends in an error

Every whole answer, and the first chunk of every stream, carries `x_received`: the body as it came, in base64. So a client can
hold what the gateway sent against what it gave. `GET /_calls` counts requests by their last message, `GET /_last` gives the last
body that was sent out. Deterministic: the same request gets the same answer.
"""

import base64
import json
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from provider_shapes import chat, completions, embeddings, moderations, responses

MODELS = ["scripted-1", "scripted-2"]
CREATED = 1_700_000_000
CALLS, LAST, LOCK = Counter(), {"body": b""}, threading.Lock()


class Refused(Exception):
    def __init__(self, status, code, message, kind="invalid_request_error", param=None, headers=()):
        super().__init__(message)
        self.status, self.headers = status, dict(headers)
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def words(request):
    """The text of the last message, prompt or input: what steers the answer. Empty where there is none."""
    last = request.get("messages") or request.get("input") or request.get("prompt") or ""
    while isinstance(last, list) and last:
        last = last[-1]
    if isinstance(last, dict):
        last = last.get("content") or last.get("output") or ""
    if isinstance(last, list):
        parts = [part.get("text") for part in last if isinstance(part, dict)]
        last = next((text for text in parts if isinstance(text, str)), "")
    return last if isinstance(last, str) else ""


def refuse_as_told(text):
    told = re.match(r"error (\d{3})(?: (\S+))?", text)
    if not told:
        return
    status, code = int(told[1]), told[2]
    kinds = {401: "invalid_request_error", 429: "requests", 403: "request_forbidden", 500: "server_error", 503: "server_error"}
    codes = {401: "invalid_api_key", 429: "rate_limit_exceeded", 400: "invalid_prompt", 404: "model_not_found"}
    headers = {"retry-after-ms": "20", "retry-after": "1"} if status == 429 else {}
    kind = code if code == "insufficient_quota" else kinds.get(status, "invalid_request_error")
    raise Refused(status, code or codes.get(status), f"the script says {status}", kind, headers=headers)


def check(path, request):
    """What a careful provider refuses."""
    if not isinstance(request, dict):
        raise Refused(400, None, "the body is no JSON object")
    if not isinstance(request.get("model"), str) or not request["model"]:
        raise Refused(400, None, "you must provide a model parameter", param="model")
    if "no-such" in request["model"]:
        raise Refused(404, "model_not_found", f"the model `{request['model']}` does not exist", param="model")
    sizes = {"n": 128, "dimensions": 4096, "top_logprobs": 20, "logprobs": 20}
    for name in (name for name, most in sizes.items() if isinstance(request.get(name), (int, float)) and request[name] > most):
        raise Refused(400, "integer_above_max_value", f"`{name}` is too large", param=name)
    wanted = {"/v1/chat/completions": "messages", "/v1/embeddings": "input", "/v1/moderations": "input"}.get(path)
    if wanted and not request.get(wanted):
        raise Refused(400, None, f"missing required parameter: `{wanted}`", param=wanted)
    if wanted == "messages" and not all(isinstance(m, dict) and "role" in m for m in _list(request["messages"])):
        raise Refused(400, "invalid_type", "`messages` must be an array of objects with a role", param="messages")


def _list(value):
    return value if isinstance(value, list) else [value]


FLOWS = {
    "/v1/chat/completions": chat,
    "/v1/completions": completions,
    "/v1/responses": responses,
    "/v1/embeddings": embeddings,
    "/v1/moderations": moderations,
}


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_):
        """Says nothing: the text of callers is in no log."""

    def send_error(self, code, *_):
        """What Python's server refuses by itself, such as a method that it does not know, in a shape of OpenAI's."""
        status = 405 if code == 501 else code
        self.close_connection = True
        self.whole(status, Refused(status, "unknown_url", "no such method or request").body, {"connection": "close"}, keep=False)

    def do_GET(self):
        path = self.path.split("?")[0]
        model = path.removeprefix("/v1/models/")
        if path == "/_calls":
            with LOCK:
                self.whole(200, dict(CALLS), keep=False)
        elif path == "/_last":
            self.send(200, "application/octet-stream", LAST["body"])
        elif path == "/v1/models":
            self.whole(200, {"object": "list", "data": [described(model) for model in MODELS]})
        elif model in MODELS:
            self.whole(200, described(model))
        else:
            self.whole(404, Refused(404, "model_not_found", "there is no such thing").body)

    def do_POST(self):
        received = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            self.answer(received)
        except Refused as refused:
            self.whole(refused.status, refused.body, refused.headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, received):
        flow = FLOWS.get(self.path)
        if flow is None:
            raise Refused(404, "unknown_url", "unknown request URL")
        try:
            request = json.loads(received)
        except ValueError:
            raise Refused(400, None, "the body is no JSON") from None
        check(self.path, request)
        text = words(request)
        with LOCK:
            CALLS[text] += 1
        refuse_as_told(text)
        late = re.match(r"hang ([\d.]+)", text)
        time.sleep(min(float(late[1]), 60.0) if late else 0)
        try:
            answer = flow(request, text, {"created": CREATED, "x_received": base64.b64encode(received).decode()})
        except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError, MemoryError, RecursionError, struct.error):
            raise Refused(400, "invalid_type", "the script cannot follow this request") from None
        if isinstance(answer, dict):
            self.whole(200, answer)
        else:
            self.stream(answer, request, text)

    def stream(self, events, request, text):
        """Server-sent events. An event is a dictionary, with its type as its name on the Responses API, or a line of its own."""
        slow = re.match(r"slow \d+ (\d+)", text)
        self.send_response(200)
        for name, value in {"content-type": "text/event-stream", "transfer-encoding": "chunked"}.items():
            self.send_header(name, value)
        self.own_headers()
        self.end_headers()
        for event in events:
            if isinstance(event, dict):
                name = f"event: {event['type']}\n" if self.path == "/v1/responses" else ""
                event = f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n"
            data = event.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            time.sleep(int(slow[1]) / 1000 if slow else 0)
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def whole(self, status, body, headers=None, keep=True):
        data = json.dumps(body, ensure_ascii=False).encode()
        if keep:
            LAST["body"] = data
        self.send(status, "application/json", data, headers)

    def send(self, status, kind, data, headers=None):
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.own_headers()
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def own_headers(self):
        with LOCK:
            number = sum(CALLS.values())
        self.send_header("x-request-id", f"req_scripted_{number}")
        self.send_header("openai-processing-ms", "1")


def described(model):
    return {"id": model, "object": "model", "created": CREATED, "owned_by": "scripted"}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        """A client that left is no trouble of the provider's; anything else is said."""
        if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError, TimeoutError)):
            super().handle_error(request, client_address)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = Server(("127.0.0.1", port), Provider)
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_address[1]}"}), flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


main()
