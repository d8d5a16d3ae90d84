# SPDX-License-Identifier: Apache-2.0
"""A hub on two ports of loopback, with a certificate of its own, whose repositories misbehave.

usage: hub.py LOG      writes its two ports on a line of stdout, and to LOG a JSON line for each
                       request; ends when its stdin does

What a repository does is in its name: breaks, changes, ranges that are ignored, wrong bytes …
The second port stands for the host of another operator, to which files are redirected.
"""
import hashlib
import http.server
import json
import os
import ssl
import sys
import threading

here = os.path.dirname(os.path.abspath(__file__))
commit = "0123456789abcdef0123456789abcdef01234567"
size = 300_000
body = bytes((i * 7 + (i >> 8)) & 255 for i in range(size))
other = bytes(reversed(body))
config = b'{"model_type": "mixtral"}'
lock = threading.Lock()
counts = {}
ports = []


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


def large(path, data=body, bytes_=None):
    return {"type": "file", "path": path, "size": bytes_ or len(data), "oid": "0" * 40,
            "lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": bytes_ or len(data),
                    "pointerSize": 134}}


def small(path, data):
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return {"type": "file", "path": path, "size": len(data), "oid": blob}


listings = {
    "folder": [
        {"type": "directory", "path": "onnx", "size": 0, "oid": "0" * 40},
        small(".gitattributes", b"x"), small("config.json", config),
        large("model.safetensors"), large("consolidated.safetensors", other),
        large("onnx/model.onnx", other), small("README.md", b"x")],
    "up": [large("../m-Q4_0.gguf")],
    "absolute": [large("/tmp/m-Q4_0.gguf")],
    "backslash": [large("..\\m-Q4_0.gguf")],
    "control": [large("m\x1b[2J-Q4_0.gguf")],
    "ours": [large("m-Q4_0.gguf.part")],
    "twice": [large("m-Q4_0.gguf"), large("M-q4_0.gguf")],
    "unnamed": [{"type": "file", "path": "m-Q4_0.gguf", "size": 5, "lfs": {"size": 5}}],
    "enormous": [large("m-Q4_0.gguf", bytes_=1 << 44)],
    "negative": [large("m-Q4_0.gguf", bytes_=-5)],
    "text": "no list",
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, data=b"", length=True, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if length:
            self.send_header("Content-Length", str(len(data)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        port = self.server.server_address[1]
        with lock:
            with open(sys.argv[1], "a") as log:
                log.write(json.dumps({
                    "second": port == ports[1], "path": path,
                    "authorization": self.headers.get("Authorization"),
                    "range": self.headers.get("Range"),
                    "if_range": self.headers.get("If-Range")}) + "\n")
        words = path.split("/")
        if path.startswith("/api/models/o/"):
            return self.api(words[4], words[5], query)
        if len(words) > 5 and words[1] == "o" and words[3] == "resolve":
            return self.file(words[2], "/".join(words[5:]))
        if words[1] == "signed":
            return self.bytes(words[2], body)
        self.answer(404)

    def api(self, name, what, query):
        if name == "locked" and self.headers.get("Authorization") != "Bearer sesame":
            return self.answer(401)
        if name == "gated":
            return self.answer(403, X_Error_Code="GatedRepo", X_Error_Message="Ask its owner")
        if name == "forbidden":
            return self.answer(403)
        if name == "busy" and count("busy") <= 2:
            return self.answer(429, Retry_After="7")
        if name == "busier":
            return self.answer(429, RateLimit='"api";r=0;t=3600')
        if name == "down" and count("down") <= 2:
            return self.answer(503)
        if name == "missing":
            return self.answer(404, X_Error_Code="RepoNotFound")
        if name == "endless":
            return self.answer(200, b" " * (17 << 20))
        if name == "prose":
            return self.answer(200, b"<html>Sign in to this network</html>")
        if what == "revision":
            return self.answer(
                200, json.dumps({"sha": commit, "cardData": {"license": "mit"}}).encode())
        if name == "paged" and "cursor" not in query:
            link = f'</api/models/o/paged/tree/{commit}?recursive=true&cursor=2>; rel="next"'
            return self.answer(200, json.dumps([large("a-Q4_0.gguf")]).encode(), Link=link)
        if name == "astray":
            link = f'<https://localhost:{ports[1]}/api>; rel="next"'
            return self.answer(200, json.dumps([large("a-Q4_0.gguf")]).encode(), Link=link)
        listing = listings.get(name, [large("m-Q4_0.gguf")])
        self.answer(200, json.dumps(listing).encode())

    def file(self, name, path):
        if name in ("redirected", "locked"):
            return self.answer(302, Location=f"https://localhost:{ports[1]}/signed/plain?key=secret")
        if name == "relative":
            return self.answer(307, Location="/signed/plain?key=secret")
        if name == "plaintext":
            return self.answer(302, Location=f"http://127.0.0.1:{ports[0]}/signed/plain")
        if name == "circular":
            return self.answer(302, Location=self.path)
        if path == "config.json":
            return self.bytes(name, config)
        self.bytes(name, body)

    def bytes(self, name, data):
        number = count(name + " file")
        tag = '"one"'
        start = 0
        wanted = self.headers.get("Range")
        if name == "changed":
            tag = '"one"' if number == 1 else '"two"'
        if name == "wrong" or name == "damaged" and number <= 2:
            data = other
        if name == "longer":
            return self.answer(200, data + b"x", length=False)
        if name == "shorter":
            return self.answer(200, data[:-1])
        if name == "packed":
            return self.answer(200, data, Content_Encoding="gzip")
        if name == "shifted" and wanted:
            return self.answer(206, data[5:], Content_Range=f"bytes 5-{size - 1}/{size}")
        if name == "satisfied" and wanted:
            return self.answer(416, Content_Range=f"bytes */{size}")
        if wanted and name != "ignoring" and self.headers.get("If-Range", tag) == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        rest = data[start:]
        cuts = {"broken": 4, "changed": 1, "ignoring": 1, "damaged": 1, "shifted": 1, "satisfied": 1}
        part = rest[:100_000] if number <= cuts.get(name, 0) else rest
        if name == "hopeless":
            part = b""
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(rest)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(part)
        if len(part) < len(rest):
            self.close_connection = True


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(here, "certificate.pem"), os.path.join(here, "key.pem"))
for _ in range(2):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *arguments: None
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False)
    ports.append(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(*ports, flush=True)
sys.stdin.read()
