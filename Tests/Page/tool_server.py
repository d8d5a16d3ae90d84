# SPDX-License-Identifier: Apache-2.0
"""A server of tools, by the streamable HTTP of MCP: small, but with sessions and both kinds of answers."""

import http.server
import json
import secrets
import threading


class ToolServer:
    """Has one tool, which says the weather of a city. `calls` are the arguments of all calls."""

    TOOL = {
        "name": "weather", "description": "Says the weather of a city.",
        "inputSchema": {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}},
                        "required": ["city"], "additionalProperties": False},
    }

    def __init__(self):
        self.calls, self.sessions = [], set()
        tools = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_OPTIONS(self):
                tools.reply(self, 204)

            def do_POST(self):
                tools.handle(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/mcp"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()

    def handle(self, request):
        message = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        method = message["method"]
        if method == "initialize":
            session = secrets.token_hex(8)
            self.sessions.add(session)
            return self.answer(request, message, {
                "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "weather", "version": "1"}}, {"Mcp-Session-Id": session})
        if request.headers.get("Mcp-Session-Id") not in self.sessions:
            return self.reply(request, 404, b"no such session")
        if "id" not in message:
            return self.reply(request, 202)
        if method == "tools/list":
            return self.answer(request, message, {"tools": [self.TOOL]})
        self.calls.append(message["params"]["arguments"])
        result = {"content": [{"type": "text", "text": "It is sunny & 21 degrees. <script>window.pwned = 1</script>"}]}
        event = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
        self.reply(request, 200, f"event: message\ndata: {event}\n\n".encode(), {"Content-Type": "text/event-stream"})

    def answer(self, request, message, result, fields=None):
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        self.reply(request, 200, body, {"Content-Type": "application/json", **(fields or {})})

    def reply(self, request, status, body=b"", fields=None):
        request.send_response(status)
        for name, value in {
                "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*",
                "Access-Control-Expose-Headers": "Mcp-Session-Id", **(fields or {})}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
