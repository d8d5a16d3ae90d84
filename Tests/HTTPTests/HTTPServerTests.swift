// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Testing

@Suite(.timeLimit(.minutes(60)))
struct HTTPServerTests {
    /// Tells what it was sent.
    private static let echo: HTTPServer.Handler = { request in
        let path = request.head.path ?? ""
        return ServerResponse(
            status: .ok, contentType: "text/plain",
            body: Array("\(request.head.method) \(path) ".utf8) + request.body)
    }

    @Test func `a connection is kept alive`() async throws {
        try await LoopbackServer.run(handler: Self.echo) { server in
            let client = try await server.connect()
            for index in 0..<3 {
                try await client.send("GET /\(index) HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try await client.response()
                #expect(response.body == "GET /\(index) ")
                #expect(response.fields["connection"] == nil)
                #expect(response.fields["date"]?.hasSuffix(" GMT") == true)
                #expect(response.fields["server"] == "cierzo")
            }
            try await client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(try await client.response().fields["connection"] == "close")
            #expect(try await !client.fill())
        }
    }

    @Test func `pipelined requests are answered in order`() async throws {
        let handler: HTTPServer.Handler = { request in
            if request.head.path == "/slow" { for _ in 0..<50 { await Task.yield() } }
            return await Self.echo(request)
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(
                "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                    + "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response().body == "GET /slow ")
            #expect(try await client.response().body == "POST /2 abc")
            #expect(try await client.response().body == "GET /3 ")
        }
    }

    @Test func `chunked bodies pass both ways`() async throws {
        let handler: HTTPServer.Handler = { request in
            let body = request.body
            return ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    try await writer.write("one")
                    try await writer.write([])
                    try await writer.write(body)
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            for _ in 0..<2 {
                try await client.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "2\r\nab\r\n1;x\r\nc\r\n0\r\nT: 1\r\n\r\n")
                let response = try await client.response()
                #expect(response.chunks == ["one", "abc"])
                #expect(response.isComplete)
            }
        }
    }

    @Test func `a request in segments of one byte is understood`() async throws {
        try await LoopbackServer.run(handler: Self.echo) { server in
            let client = try await server.connect()
            let text =
                "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            for byte in text.utf8 {
                try await client.send([byte])
                await Task.yield()
            }
            #expect(try await client.response().body == "POST /x abc")
        }
    }

    @Test func `pieces of a line are put together, however they are cut`() async throws {
        try await LoopbackServer.run(handler: Self.echo) { server in
            let client = try await server.connect()
            // Longer than what is put together at once, and than what is let wait.
            let long = String(repeating: "a", count: 3_000)
            let pieces = [
                "G", "ET /one HT", "TP/1.1\r", "\nHo", "st: a\r\nX: ", long, long, "\r\n\r",
                "\nGET /two HTTP/1.1\r\nHost: a\r\n", "\r\nGET /three HTTP/1.1\r\nHost: a\r\n\r",
                "\n",
            ]
            for piece in pieces {
                try await client.send(piece)
                for _ in 0..<10 { await Task.yield() }
            }
            for path in ["/one", "/two", "/three"] {
                #expect(try await client.response().body == "GET \(path) ")
            }
        }
    }

    @Test func `a client that leaves within a line ends its connection`() async throws {
        try await LoopbackServer.run(handler: Self.echo) { server in
            let client = try await server.connect()
            try await client.send("GET / HTTP/1.1\r\nHo")
            try await client.send("st: a")
            client.socket.endSending()
            #expect(try await !client.fill())
        }
    }

    @Test func `a client that expects 100 is told to continue`() async throws {
        try await LoopbackServer.run(handler: Self.echo) { server in
            let client = try await server.connect()
            try await client.send(
                "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await client.response().status == 100)
            try await client.send("abc")
            #expect(try await client.response().body == "POST /x abc")
            // A body that is already there needs no asking.
            try await client.send(
                "POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"
            )
            #expect(try await client.response().body == "POST /y abc")
        }
    }

    @Test func `a body too large is refused before it is asked for`() async throws {
        try await LoopbackServer.run(limits: .init(maxBodyBytes: 10), handler: Self.echo) {
            server in
            let response = try await server.exchange(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
            #expect(response.status == 413)
            #expect(response.fields["connection"] == "close")
        }
    }

    @Test func `a refusal is read even by a client that is still sending`() async throws {
        try await LoopbackServer.run(
            limits: .init(maxBodyBytes: 10), timeouts: .init(), handler: Self.echo
        ) { server in
            let client = try await server.connect()
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n")
            try await client.send([UInt8](repeating: 97, count: 4 << 20))
            #expect(try await client.response().status == 413)
        }
    }

    @Test(arguments: [
        "Content-Length: 1000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n",
        "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "Content-Length: 3\r\n\r\nabc",
    ])
    func `a refused request is answered before its body, and no more is read`(
        rest: String
    ) async throws {
        let handler: HTTPServer.Handler = { _ in
            Issue.record("a refused request was handled")
            return .text(.ok, "")
        }
        let admission: HTTPServer.Admission = { _ in .text(.unauthorized, "no key") }
        try await LoopbackServer.run(
            limits: .init(maxBodyBytes: 100),
            admission: admission, handler: handler
        ) { server in
            let response = try await server.exchange(
                "POST /x HTTP/1.1\r\nHost: a\r\n\(rest)")
            #expect(response.status == 401)
            #expect(response.body == "no key\n")
            #expect(response.fields["connection"] == "close")
        }
    }

    @Test func `a connection goes on after a refused request without a body`() async throws {
        let admission: HTTPServer.Admission = { arrival in
            arrival.head.path == "/no" ? .text(.forbidden, arrival.remoteAddress) : nil
        }
        try await LoopbackServer.run(admission: admission, handler: Self.echo) { server in
            let client = try await server.connect()
            try await client.send(
                "GET /no HTTP/1.1\r\nHost: a\r\n\r\nGET /yes HTTP/1.1\r\nHost: a\r\n\r\n")
            let refused = try await client.response()
            #expect(refused.status == 403)
            #expect(refused.body == "127.0.0.1\n")
            #expect(refused.fields["connection"] == nil)
            #expect(try await client.response().body == "GET /yes ")
        }
    }

    @Test func `the server's own errors know the request, where there was one`() async throws {
        let shape: HTTPServer.ErrorResponse = { status, _, head in
            .text(status, head?.path ?? "unread")
        }
        try await LoopbackServer.run(
            limits: .init(maxBodyBytes: 10), errorResponse: shape, handler: Self.echo
        ) { server in
            let known = try await server.exchange(
                "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
            #expect(known.status == 413)
            #expect(known.body == "/x\n")
            #expect(try await server.exchange("nonsense\r\n\r\n").body == "unread\n")
            let fields = String(repeating: "X: y\r\n", count: 101)
            let unfinished = try await server.exchange("GET /y HTTP/1.1\r\n\(fields)")
            #expect(unfinished.status == 431)
            #expect(unfinished.body == "/y\n")
            let unmet = try await server.exchange(
                "POST /z HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n")
            #expect(unmet.status == 417)
            #expect(unmet.body == "/z\n")
        }
    }

    @Test func `HTTP 1.0 is answered in its own way`() async throws {
        let handler: HTTPServer.Handler = { request in
            guard request.head.path == "/stream" else { return await Self.echo(request) }
            return ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    try await writer.write("one ")
                    try await writer.write("two")
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let kept = try await client.response()
            #expect(kept.body == "GET /a ")
            #expect(kept.fields["connection"] == "keep-alive")
            try await client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let streamed = try await client.response()
            #expect(streamed.body == "one two")
            #expect(streamed.fields["connection"] == "close")
            #expect(streamed.fields["transfer-encoding"] == nil)
        }
    }

    @Test(arguments: [
        ("GET /\(String(repeating: "a", count: 200)) HTTP/1.1\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 300))\r\n\r\n", 431),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", 413),
        ("nonsense\r\n\r\n", 400), ("GET / HTTP/3.0\r\n\r\n", 505),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\na", 415),
    ])
    func `the server's own errors take the shape they are given`(
        text: String, status: Int
    ) async throws {
        let limits = RequestParser.Limits(
            maxRequestLineBytes: 100, maxHeaderBytes: 200, maxBodyBytes: 100)
        let shape: HTTPServer.ErrorResponse = { status, _, _ in
            ServerResponse(
                status: status, contentType: "application/json",
                body: Array("{\"code\":\(status.code)}".utf8))
        }
        try await LoopbackServer.run(
            limits: limits,
            errorResponse: shape,
            handler: Self.echo
        ) { server in
            let client = try await server.connect()
            try await client.send(text)
            let response = try await client.response()
            #expect(response.status == status)
            #expect(response.body == "{\"code\":\(status)}")
            #expect(response.fields["connection"] == "close")
            #expect(try await !client.fill())
        }
    }

    @Test func `HEAD and 204 have no body, and the connection goes on`() async throws {
        let handler: HTTPServer.Handler = { request in
            switch request.head.path {
            case "/204": .text(.noContent, "never sent")
            case "/stream":
                ServerResponse(
                    head: HTTPResponse(status: .ok),
                    body: .stream { _ in Issue.record("a body was made for HEAD") })
            default: .text(.ok, "hello")
            }
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(
                "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "GET /204 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response(hasBody: false).fields["content-length"] == "6")
            #expect(try await client.response(hasBody: false).status == 200)
            let empty = try await client.response()
            #expect(empty.status == 204)
            #expect(empty.fields["content-length"] == nil)
            #expect(try await client.response().body == "hello\n")
        }
    }

    @Test func `200 connections are served at once`() async throws {
        let everyone = Signal(count: 200)
        let handler: HTTPServer.Handler = { request in
            everyone.fire()
            await everyone.wait()
            return await Self.echo(request)
        }
        try await LoopbackServer.run(handler: handler) { server in
            try await withThrowingTaskGroup { group in
                for index in 0..<200 {
                    group.addTask {
                        try await server.exchange("GET /\(index) HTTP/1.1\r\nHost: a\r\n\r\n").body
                            == "GET /\(index) "
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func `connections over the limit are told so politely`() async throws {
        let (started, released) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { request in
            started.fire()
            await released.wait()
            return await Self.echo(request)
        }
        try await LoopbackServer.run(maxConnections: 1, handler: handler) { server in
            let first = try await server.connect()
            try await first.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            await started.wait()
            let refused = try await server.exchange("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(refused.status == 503)
            #expect(refused.fields["retry-after"] == "1")
            #expect(await server.server.connectionCount == 1)
            released.fire()
            #expect(try await first.response().body == "GET /1 ")
        }
    }

    @Test func `IPv6 is served, and the peer's address is told`() async throws {
        let handler: HTTPServer.Handler = { .text(.ok, $0.remoteAddress) }
        do {
            try await LoopbackServer.run(host: "::1", handler: handler) { server in
                let response = try await server.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(response.body == "::1\n")
            }
        } catch HTTPServerError.cannotListen {
            // A machine without IPv6.
        }
        try await LoopbackServer.run(handler: handler) { server in
            let response = try await server.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(response.body == "127.0.0.1\n")
        }
    }

    @Test func `what is asked of the server itself says that it is there`() async throws {
        try await LoopbackServer.run(handler: Self.echo) { server in
            let client = try await server.connect()
            try await client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response().status == 204)
            try await client.send("GET /after HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response().body == "GET /after ")
        }
    }

    @Test func `a port in use and a wrong configuration are errors`() async throws {
        try await LoopbackServer.run(handler: Self.echo) { server in
            let second = HTTPServer(
                configuration: .init(port: server.port), handler: Self.echo)
            await #expect(throws: HTTPServerError.self) { try await second.start() }
            let unknown = HTTPServer(
                configuration: .init(host: "no such host", port: 0), handler: Self.echo)
            await #expect(throws: HTTPServerError.self) { try await unknown.start() }
        }
        #expect(throws: HTTPServerError.self) {
            try HTTPServer.Configuration(port: 70_000).validated()
        }
        #expect(throws: HTTPServerError.self) {
            try HTTPServer.Configuration(timeouts: .init(idle: .zero)).validated()
        }
    }
}
