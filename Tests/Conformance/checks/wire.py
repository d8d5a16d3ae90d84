# SPDX-License-Identifier: Apache-2.0
"""What bare sockets see: framing, headers, and the answers to what is wrong with a request."""

import gzip
import json
import socket
from urllib.parse import urlsplit

from checks import ASK, check, expect, options, root, same

CHAT = {"model": options.model, "messages": ASK, "max_tokens": 4, "temperature": 0}


class Connection:
    """A connection that sends bytes as they are given, and reads one response after another."""

    def __init__(self):
        address = urlsplit(root())
        self.socket = socket.create_connection((address.hostname, address.port), timeout=600)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self, is_head=False):
        status = int(self.file.readline().split()[1])
        fields = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        if status == 100:
            return status, fields, b""
        return status, fields, b"" if is_head else self.body(fields)

    def body(self, fields):
        if fields.get("transfer-encoding") != "chunked":
            length = fields.get("content-length")
            return self.file.read(int(length)) if length is not None else self.file.read()
        body = b""
        while size := int(self.file.readline(), 16):
            body += self.file.read(size)
            self.file.readline()
        self.file.readline()
        return body


def head(method, path, *fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost",
             f"Authorization: Bearer {options.api_key}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(body, *fields, path="/v1/chat/completions"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head("POST", path, "Content-Type: application/json",
                f"Content-Length: {len(data)}", *fields) + data


def ask(request, is_head=False):
    with Connection() as connection:
        connection.send(request)
        return connection.read(is_head)


def is_chat(response):
    status, _, body = response
    same(status, 200, "status")
    same(json.loads(body)["object"], "chat.completion", "object")


@check("wire")
def a_body_of_known_length():
    is_chat(ask(post(CHAT)))


@check("wire")
def a_body_in_chunks():
    data = json.dumps(CHAT).encode()
    parts = [data[i:i + 7] for i in range(0, len(data), 7)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    is_chat(ask(head("POST", "/v1/chat/completions", "Content-Type: application/json",
                     "Transfer-Encoding: chunked") + body))


@check("wire")
def a_body_that_waits_to_be_asked_for():
    data = json.dumps(CHAT).encode()
    with Connection() as connection:
        connection.send(head("POST", "/v1/chat/completions", "Content-Type: application/json",
                             f"Content-Length: {len(data)}", "Expect: 100-continue"))
        same(connection.read()[0], 100, "status")
        connection.send(data)
        is_chat(connection.read())


@check("wire")
def a_body_that_is_compressed():
    data = gzip.compress(json.dumps(CHAT).encode())
    is_chat(ask(post(data, "Content-Encoding: gzip")))


@check("wire")
def an_answer_that_is_compressed():
    request = ["GET", "/openapi.json"]
    status, fields, body = ask(head(*request, "Accept-Encoding: br;q=1, gzip;q=0.5"))
    same(status, 200, "status")
    same(fields.get("content-encoding"), "gzip", "coding")
    same("accept-encoding" in fields.get("vary", "").lower(), True, "Vary")
    same(gzip.decompress(body), ask(head(*request))[2], "body")
    same(ask(head("HEAD", *request[1:], "Accept-Encoding: gzip"), is_head=True)[1]
         .get("content-encoding"), "gzip", "coding of HEAD")


@check("wire")
def the_server_asked_for_itself():
    same(ask(head("OPTIONS", "*"))[0], 204, "status")


@check("wire")
def a_request_of_single_bytes():
    with Connection() as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post(CHAT):
            connection.send(bytes([byte]))
        is_chat(connection.read())


@check("wire")
def two_requests_sent_at_once():
    with Connection() as connection:
        connection.send(post(CHAT) + head("GET", "/v1/models"))
        is_chat(connection.read())
        same(json.loads(connection.read()[2])["object"], "list", "object")


@check("wire")
def http_1_0_closes():
    with Connection() as connection:
        connection.send(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
        status, fields, body = connection.read()
        same(status, 200, "status")
        same(json.loads(body)["status"], "ok", "health")
        same(connection.file.read(), b"", "what follows")


@check("wire")
def the_connection_outlives_an_error():
    with Connection() as connection:
        connection.send(post({}))
        status, fields, _ = connection.read()
        same(status, 400, "status")
        connection.send(post(CHAT))
        is_chat(connection.read())


@check("wire")
def a_header_that_is_too_large():
    same(ask(head("GET", "/v1/models", "X-Large: " + "a" * (1 << 17)))[0], 431, "status")


@check("wire")
def methods_that_a_route_has():
    status, fields, body = ask(head("HEAD", "/v1/models"), is_head=True)
    same((status, body), (200, b""), "HEAD")
    expect(int(fields["content-length"]) > 0, "length of a HEAD")
    status, fields, _ = ask(head("OPTIONS", "/v1/chat/completions"))
    same(status, 204, "OPTIONS")
    expect("POST" in fields["allow"], fields["allow"])
    status, fields, _ = ask(head("GET", "/v1/chat/completions"))
    same(status, 405, "GET")
    expect("POST" in fields["allow"], fields["allow"])


@check("wire")
def a_slash_at_the_end():
    is_chat(ask(post(CHAT, path="/v1/chat/completions/")))


@check("wire")
def every_response_has_an_identity():
    for request in (post(CHAT), post({}), post({**CHAT, "stream": True}), head("GET", "/nowhere"),
                    head("GET", "/health"), b"GET / HTTP/1.1\r\nX: \x01\r\n\r\n"):
        _, fields, _ = ask(request)
        expect(fields.get("x-request-id"), f"no x-request-id: {fields}")
        expect("/" not in fields.get("server", ""), "the server tells its version")
    same(ask(post(CHAT, "X-Request-Id: check.1"))[1]["x-request-id"], "check.1", "x-request-id")
    expect(ask(post(CHAT, "X-Request-Id: <script>"))[1]["x-request-id"] != "<script>", "taken")


@check("wire")
def a_trace_is_continued():
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    parent = ask(post(CHAT, f"traceparent: 00-{trace}-{span}-01"))[1]["traceparent"]
    version, its_trace, its_span, flags = parent.split("-")
    same((version, its_trace, flags), ("00", trace, "01"), "traceparent")
    expect(its_span != span and len(its_span) == 16, parent)
    expect("traceparent" not in ask(post(CHAT, f"traceparent: 00-{'0' * 32}-{span}-01"))[1],
           "an invalid trace is continued")


@check("wire")
def times_are_told():
    _, fields, _ = ask(post(CHAT))
    expect(int(fields["openai-processing-ms"]) >= 0, "openai-processing-ms")
    expect("total;dur=" in fields["server-timing"], fields["server-timing"])


@check("wire")
def a_stream_is_events():
    status, fields, body = ask(post({**CHAT, "stream": True}))
    same(status, 200, "status")
    expect(fields["content-type"].startswith("text/event-stream"), fields["content-type"])
    same(fields["cache-control"], "no-cache", "cache-control")
    same(fields["x-accel-buffering"], "no", "x-accel-buffering")
    events = body.decode().split("\n\n")
    same(events.pop(), "", "what follows the last event")
    same(events[-1], "data: [DONE]", "last event")
    for event in events[:-1]:
        if not event.startswith(":"):
            expect("finish_reason" in json.loads(event[6:])["choices"][0], event)


@check("wire")
def pages_of_other_origins_may_nothing():
    _, fields, _ = ask(post(CHAT, "Origin: https://example.com"))
    expect("access-control-allow-origin" not in fields, "CORS without being configured")


@check("wire")
def a_number_that_json_cannot_write_is_refused_by_name():
    data = json.dumps({**CHAT, "temperature": float("nan")}).encode()
    status, _, body = ask(post(data))
    same(status, 400, "status")
    same(json.loads(body)["error"]["param"], "temperature", "param")


@check("wire")
def letters_come_whole():
    # Each event is text by itself, however many tokens its letters are of.
    messages = [{"role": "user", "content": "\U0001F600 \u6f22\u5b57 \u00e9"}]
    body = ask(post({**CHAT, "messages": messages, "max_tokens": 64, "stream": True,
                     "ignore_eos": True, "temperature": 1.9, "seed": 3}))[2]
    expect(b"\r" not in body, "a carriage return in a stream")
    for event in body.split(b"\n\n"):
        event.decode()
    data = json.dumps({**CHAT, "messages": messages}, ensure_ascii=False).encode()
    # Cut within a letter.
    place = data.index("\u6f22".encode()) + 1
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                     for part in (data[:place], data[place:])) + b"0\r\n\r\n"
    is_chat(ask(head("POST", "/v1/chat/completions", "Content-Type: application/json",
                     "Transfer-Encoding: chunked") + parts))
