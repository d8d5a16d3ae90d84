// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Testing

@Suite(.timeLimit(.minutes(60)))
struct GzipBodyTests {
    /// `{"hello":"wörld"}`, made with `python3 -c 'gzip.compress(…, mtime=0)'`.
    private static let hello: [UInt8] = [
        0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0x02, 0xFF, 0xAB, 0x56, 0xCA, 0x48, 0xCD, 0xC9, 0xC9, 0x57,
        0xB2, 0x52, 0x2A, 0x3F, 0xBC, 0xAD, 0x28, 0x27, 0x45, 0xA9, 0x16, 0x00, 0x52, 0x5D, 0x98,
        0x54, 0x12, 0, 0, 0,
    ]

    /// 8 MiB of zeros in 8,175 bytes, likewise.
    private static let bomb: [UInt8] =
        [
            0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0x02, 0xFF, 0xEC, 0xC1, 0x01, 0x01, 0, 0, 0, 0x80,
            0x90, 0xFE, 0xAF, 0xEE, 0x08, 0x0A,
        ] + [UInt8](repeating: 0, count: 4_094)
        + [0x80, 0xDB, 0x83, 0x03, 0x02, 0, 0, 0, 0, 0x21, 0xFF, 0x5F, 0x37, 0x24]
        + [UInt8](repeating: 0, count: 4_033)
        + [0x9C, 0x05, 0x45, 0xBC, 0xD2, 0x1A, 0, 0, 0x80, 0]

    @Test func `members are inflated, whole or in pieces`() throws {
        let text = Array("{\"hello\":\"wörld\"}".utf8)
        for pieceCount in [1, 7, 100] {
            let inflater = GzipInflater(maxBytes: 100)
            var body: [UInt8] = []
            let input = Self.hello + Self.hello
            var rest = input[...]
            while !rest.isEmpty {
                try inflater.append(Array(rest.prefix(pieceCount)), to: &body)
                rest = rest.dropFirst(pieceCount)
            }
            try inflater.finish()
            #expect(body == text + text)
        }
    }

    @Test func `damaged and incomplete input is refused`() throws {
        var body: [UInt8] = []
        #expect(throws: RequestError.self) {
            try GzipInflater(maxBytes: 100).append(Array("not gzip".utf8), to: &body)
        }
        var damaged = Self.hello
        damaged[31] ^= 1
        #expect(throws: RequestError.self) {
            try GzipInflater(maxBytes: 100).append(damaged, to: &body)
        }
        let inflater = GzipInflater(maxBytes: 100)
        try inflater.append(Array(Self.hello.dropLast()), to: &body)
        #expect(throws: RequestError.self) { try inflater.finish() }
    }

    @Test func `output is bounded by size and by ratio`() {
        var body: [UInt8] = []
        #expect(throws: RequestError.bodyTooLarge(maxBytes: 10)) {
            try GzipInflater(maxBytes: 10).append(Self.hello, to: &body)
        }
        #expect(throws: RequestError.bodyTooLarge(maxBytes: 200 * Self.bomb.count)) {
            try GzipInflater(maxBytes: 1 << 30).append(Self.bomb, to: &body)
        }
        #expect(body.count < 2 << 20)
    }

    @Test func `a handler sees the plain body`() async throws {
        let handler: HTTPServer.Handler = { request in
            #expect(request.head.headerFields[.contentEncoding] == nil)
            #expect(request.head.headerFields[.contentLength] == "18")
            return ServerResponse(status: .ok, contentType: "a/b", body: request.body)
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
            for _ in 0..<2 {
                try await client.send("\(head)Content-Length: \(Self.hello.count)\r\n\r\n")
                try await client.send(Self.hello)
                #expect(try await client.response().body == "{\"hello\":\"wörld\"}")
            }
            try await client.send("\(head)Content-Length: \(Self.bomb.count)\r\n\r\n")
            try await client.send(Self.bomb)
            #expect(try await client.response().status == 413)
        }
    }
}
