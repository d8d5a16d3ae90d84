// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Testing

@Suite(.timeLimit(.minutes(60)))
struct ResponseCompressionTests {
    private static let text = String(repeating: "{\"hello\": \"wörld\"}\n", count: 100_000)

    /// Answers with as many bytes of text as the path says, of the type that the query says.
    private static let handler: HTTPServer.Handler = { request in
        let parts = (request.head.path ?? "/").dropFirst().split(separator: "?")
        let count = Int(parts.first ?? "") ?? 0
        let response = ServerResponse(
            status: .ok, contentType: parts.count > 1 ? String(parts[1]) : "application/json",
            fields: [.vary: "Origin"], body: Array(Self.text.utf8.prefix(count)))
        guard parts.last == "text/event-stream" else { return response }
        return ServerResponse(
            head: response.head,
            body: .stream { try await $0.write(String(Self.text.prefix(count))) })
    }

    private static func ask(
        _ server: LoopbackServer, _ path: String, _ accepted: String? = "gzip",
        method: String = "GET"
    ) async throws -> LoopbackResponse {
        let client = try await server.connect()
        let field = accepted.map { "Accept-Encoding: \($0)\r\n" } ?? ""
        try await client.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
        return try await client.response(hasBody: method != "HEAD")
    }

    private static func inflated(_ bytes: [UInt8]) throws -> [UInt8] {
        let inflater = GzipInflater(maxBytes: 1 << 24)
        var body: [UInt8] = []
        try inflater.append(bytes, to: &body)
        try inflater.finish()
        return body
    }

    @Test(arguments: [1_400, 65_536, 262_144, 262_145, 1_500_000])
    func `text is compressed for who accepts that, and the same when inflated`(
        count: Int
    ) async throws {
        try await LoopbackServer.run(handler: Self.handler) { server in
            let response = try await Self.ask(server, "/\(count)")
            #expect(response.fields["content-encoding"] == "gzip")
            #expect(response.fields["vary"] == "Origin, Accept-Encoding")
            #expect(response.bytes.count < count)
            #expect(try Self.inflated(response.bytes) == Array(Self.text.utf8.prefix(count)))
            let plain = try await Self.ask(server, "/\(count)", nil)
            #expect(plain.fields["content-encoding"] == nil)
            #expect(plain.fields["vary"] == "Origin, Accept-Encoding")
            #expect(plain.bytes == Array(Self.text.utf8.prefix(count)))
        }
    }

    @Test func `HEAD tells what GET would`() async throws {
        try await LoopbackServer.run(handler: Self.handler) { server in
            let (get, head) = (
                try await Self.ask(server, "/5000"),
                try await Self.ask(server, "/5000", method: "HEAD")
            )
            for name in ["content-length", "content-encoding", "vary"] {
                #expect(get.fields[name] == head.fields[name] && get.fields[name] != nil)
            }
        }
    }

    @Test(arguments: ["/1399", "/5000?image/png", "/5000?text/event-stream", "/0"])
    func `what gains nothing goes as it is`(path: String) async throws {
        try await LoopbackServer.run(handler: Self.handler) { server in
            let response = try await Self.ask(server, path)
            #expect(response.fields["content-encoding"] == nil)
            #expect(response.fields["vary"] == "Origin")
        }
    }

    @Test(arguments: ["HTTP/1.1", "HTTP/1.0"])
    func `events are compressed where the operator wants it, each readable when it comes`(
        version: String
    ) async throws {
        let (first, second) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            var head = HTTPResponse(status: .ok)
            head.headerFields[.contentType] = "text/event-stream"
            return ServerResponse(
                head: head,
                body: .stream { writer in
                    for (event, isRead) in [("data: one\n\n", first), ("data: two\n\n", second)] {
                        try await writer.write(event)
                        await isRead.wait()
                    }
                })
        }
        func configure(_ configuration: inout HTTPServer.Configuration) {
            configuration.compressesStreams = true
        }
        try await LoopbackServer.run(configure: configure, handler: handler) { server in
            let client = try await server.connect()
            try await client.send(
                "GET / \(version)\r\nHost: a\r\nAccept-Encoding: gzip\r\n"
                    + "Connection: keep-alive\r\n\r\n")
            let head = try await client.take(through: "\r\n\r\n")
            #expect(head.contains("\r\nContent-Encoding: gzip\r\n"))
            #expect(head.contains("\r\nVary: Accept-Encoding\r\n"))
            let isChunked = version == "HTTP/1.1"
            let inflater = GzipInflater(maxBytes: 1 << 20)
            var body: [UInt8] = []
            for (text, isRead) in [("data: one\n\n", first), ("data: two\n\n", second)] {
                let before = body.count
                while body.count < before + text.utf8.count {
                    try inflater.append(try await client.piece(isChunked: isChunked), to: &body)
                }
                #expect(String(decoding: body[before...], as: UTF8.self) == text)
                isRead.fire()
            }
            while true {
                let piece = try await client.piece(isChunked: isChunked)
                if piece.isEmpty { break }
                try inflater.append(piece, to: &body)
            }
            try inflater.finish()
            #expect(body.count == 22)
        }
    }

    @Test(arguments: [nil, "identity"])
    func `events go as they are to who does not accept gzip`(accepted: String?) async throws {
        func configure(_ configuration: inout HTTPServer.Configuration) {
            configuration.compressesStreams = true
        }
        try await LoopbackServer.run(configure: configure, handler: Self.handler) { server in
            let response = try await Self.ask(server, "/5000?text/event-stream", accepted)
            #expect(response.fields["content-encoding"] == nil)
            #expect(response.fields["vary"] == "Origin, Accept-Encoding")
            #expect(response.body == String(Self.text.prefix(5000)))
        }
    }

    @Test func `what would grow goes as it is`() async throws {
        var generator = SystemRandomNumberGenerator()
        let noise = (0..<5_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(status: .ok, contentType: "text/plain", body: noise)
        }
        try await LoopbackServer.run(handler: handler) { server in
            let response = try await Self.ask(server, "/")
            #expect(response.fields["content-encoding"] == nil)
            #expect(response.bytes == noise)
        }
    }

    @Test(arguments: [
        "gzip", "GZIP", "x-gzip", "deflate, gzip", "gzip;q=1", "gzip; q=0.001", "gzip;q=1.000",
        "*", "br;q=1, *;q=0.1", "identity;q=0, gzip", "gzip;q=0.5, identity;q=0.5",
        " , gzip ,", "gzip\t;\tQ=0.5",
    ])
    func `gzip is accepted`(value: String) {
        #expect(AcceptEncoding([.acceptEncoding: value]).prefersGzip)
    }

    @Test(arguments: [
        "", "identity", "deflate, br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *",
        "gzip;q=0.5, identity", "gzip;q=2", "gzip;q=1.1", "gzip;q=-1", "gzip;q=", "gzip;q",
        "gzip;q=.5", "gzip;q=0.0001", "gzip;level=1", "gzip;q=1;q=1", "gzipped", "gzip=1", ";q=1",
        "gzip;q=٣",
    ])
    func `gzip is not accepted`(value: String) {
        #expect(!AcceptEncoding([.acceptEncoding: value]).prefersGzip)
    }

    @Test func `a field in several lines is one list`() {
        var fields = HTTPFields()
        fields.append(HTTPField(name: .acceptEncoding, value: "br"))
        fields.append(HTTPField(name: .acceptEncoding, value: "gzip"))
        #expect(AcceptEncoding(fields).prefersGzip)
        #expect(!AcceptEncoding([:]).prefersGzip)
    }
}
