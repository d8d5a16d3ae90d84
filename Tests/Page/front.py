# SPDX-License-Identifier: Apache-2.0
"""A proxy before the program, which can answer in its place: with what no model can be made to say."""

import http.client
import http.server
import json
import threading
import time


# A piece of a prepared answer before which nothing more comes until `release`.
HOLD = object()


class Front:
    """Hands everything to the program, but for questions whose text is the name of a prepared answer.

    `answers`: a name to a list of texts, each a piece of a stream, or a delta, or `{"finish": REASON}`,
    or an error that ends it; None breaks the connection off, HOLD holds it.
    `samples`: events that `/v1/admin/machine/events` has in place of the program's, if there are any.
    `refuses`: whether requests get 401, as if their key had expired.
    `bodies`: what was asked for, newest last. `paths`: all that was asked, in order.
    `pause`: seconds before each piece.
    """

    def __init__(self, upstream):
        self.held = threading.Event()
        self.reset()
        self.upstream = upstream.removeprefix("http://")
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_GET(self):
                try:
                    front.handle(self)
                except ConnectionError:
                    # The browser wants no more of it.
                    pass

            do_POST = do_DELETE = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def release(self):
        """Lets go of what is held, and of what comes to be."""
        self.held.set()

    def reset(self):
        """Has nothing prepared, and lets go of what is held."""
        self.held.set()
        self.held = threading.Event()
        self.answers, self.bodies, self.samples, self.refuses, self.pause = {}, [], [], False, 0
        self.paths = []

    def stop(self):
        self.held.set()
        self.server.shutdown()

    def handle(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        data = request.rfile.read(length) if length else None
        self.paths.append(request.path)
        if self.refuses and request.path.startswith("/v1/"):
            return self.send(request, 401, "application/json", json.dumps({"error": {
                "message": "the key has expired", "code": "invalid_api_key", "param": None}}))
        if request.path == "/v1/chat/completions":
            body = json.loads(data)
            self.bodies.append(body)
            content = body["messages"][-1]["content"]
            if content in self.answers:
                return self.stream(request, self.answers[content])
        if self.samples and request.path == "/v1/admin/machine/events":
            return self.tell_samples(request, self.samples, self.held)
        self.forward(request, data)

    def send(self, request, status, kind, text):
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.end_headers()
        request.wfile.write(text.encode())

    def tell_samples(self, request, samples, held):
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        for sample in samples:
            self.event(request, sample)
        held.wait()

    def stream(self, request, pieces):
        held, finish = self.held, "stop"
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        for piece in pieces:
            if piece is None:
                return
            if piece is HOLD:
                held.wait()
                continue
            time.sleep(self.pause)
            if isinstance(piece, dict) and "error" in piece:
                return self.event(request, piece)
            if isinstance(piece, dict) and "finish" in piece:
                finish = piece["finish"]
                continue
            delta = piece if isinstance(piece, dict) else {"content": piece}
            self.event(request, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        self.event(request, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        self.event(request, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(pieces)}})
        request.wfile.write(b"data: [DONE]\n\n")

    def event(self, request, value):
        request.wfile.write(f"data: {json.dumps(value)}\n\n".encode())

    def forward(self, request, data):
        connection = http.client.HTTPConnection(self.upstream, timeout=600)
        try:
            kept = {name: value for name, value in request.headers.items()
                    if name.lower() not in ("host", "connection", "origin")}
            connection.request(request.command, request.path, data, kept)
            response = connection.getresponse()
            request.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    request.send_header(name, value)
            request.end_headers()
            while piece := response.read1(65536):
                request.wfile.write(piece)
                request.wfile.flush()
        except (OSError, http.client.HTTPException):
            # Broken off, as the program or the browser has done.
            return
        finally:
            connection.close()
