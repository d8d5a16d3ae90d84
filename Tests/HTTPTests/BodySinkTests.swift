// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Synchronization
import Testing

/// Bodies that are taken as they arrive.
@Suite(.timeLimit(.minutes(60)))
struct BodySinkTests {
    /// Keeps what it takes; refuses beyond a length.
    private final class Sink: BodySink {
        let maxByteCount: Int
        let refused: Int
        let bytes = Mutex<[UInt8]>([])
        let dropped: Signal?

        init(maxByteCount: Int = 1 << 20, refused: Int = .max, dropped: Signal? = nil) {
            self.maxByteCount = maxByteCount
            self.refused = refused
            self.dropped = dropped
        }

        deinit { dropped?.fire() }

        func take(_ piece: [UInt8]) async -> ServerResponse? {
            let count = bytes.withLock { bytes in
                bytes += piece
                return bytes.count
            }
            return count > refused ? .text(.init(code: 507), "full") : nil
        }
    }

    private static let handler: HTTPServer.Handler = { request in
        let taken = (request.sink as? Sink)?.bytes.withLock { $0 }
        let text = String(decoding: taken ?? request.body, as: UTF8.self)
        return .text(.ok, "\(taken == nil ? "memory" : "sink"): \(text.count) \(text.suffix(8))")
    }

    private static func head(_ path: String, _ fields: String) -> String {
        "POST \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n"
    }

    private static func intake(_ sink: @escaping @Sendable () -> Sink) -> HTTPServer.Intake {
        { $0.head.path == "/sink" ? .sink(sink()) : .memory }
    }

    @Test func `a sink gets a body that is larger than memory takes, and the next one does not`()
        async throws
    {
        let count = 300_000
        try await LoopbackServer.run(
            limits: .init(maxBodyBytes: 1_000), maxBodyMemoryBytes: 1 << 20,
            intake: Self.intake { Sink() }, handler: Self.handler
        ) { server in
            let client = try await server.connect()
            try await client.send(
                Self.head("/sink", "Content-Length: \(count)")
                    + String(repeating: "a", count: count - 3) + "end")
            #expect(try await client.response().body == "sink: 300000 aaaaaend\n")
            try await client.send(
                Self.head("/sink", "Transfer-Encoding: chunked") + "1388\r\n"
                    + String(repeating: "b", count: 5_000) + "\r\n0\r\n\r\n")
            #expect(try await client.response().body == "sink: 5000 bbbbbbbb\n")
            try await client.send(Self.head("/", "Content-Length: 3") + "abc")
            #expect(try await client.response().body == "memory: 3 abc\n")
            try await client.send(Self.head("/", "Content-Length: 1001"))
            #expect(try await client.response().status == 413)
        }
    }

    @Test func `a body beyond what a sink takes is refused before it comes`() async throws {
        try await LoopbackServer.run(
            intake: Self.intake { Sink(maxByteCount: 10) }, handler: Self.handler
        ) { server in
            let long = Self.head("/sink", "Content-Length: 11\r\nExpect: 100-continue")
            let refused = try await server.exchange(long)
            #expect(refused.status == 413)
            let chunked = Self.head("/sink", "Transfer-Encoding: chunked") + "b\r\n"
            #expect(try await server.exchange(chunked).status == 413)
            let short = Self.head("/sink", "Content-Length: 10\r\nExpect: 100-continue")
            #expect(try await server.exchange(short).status == 100)
        }
    }

    @Test func `a sink's refusal is the answer, and the connection ends`() async throws {
        try await LoopbackServer.run(
            intake: Self.intake { Sink(refused: 100) }, handler: Self.handler
        ) { server in
            let client = try await server.connect()
            try await client.send(
                Self.head("/sink", "Content-Length: 100000") + String(repeating: "a", count: 200))
            let response = try await client.response()
            #expect(response.status == 507)
            #expect(response.body == "full\n")
            #expect(response.fields["connection"] == "close")
            #expect(try await client.fill() == false)
        }
    }

    @Test func `a refusal comes before the body`() async throws {
        let intake: HTTPServer.Intake = { _ in .refused(.text(.forbidden, "no")) }
        try await LoopbackServer.run(intake: intake, handler: Self.handler) { server in
            let response = try await server.exchange(Self.head("/sink", "Content-Length: 9"))
            #expect(response.status == 403)
            #expect(response.fields["connection"] == "close")
            // Without a body there is nothing to take in.
            #expect(try await server.exchange(Self.head("/sink", "X: y")).status == 200)
        }
    }

    @Test func `a sink is dropped whose client goes away or stops sending`() async throws {
        let dropped = Signal(count: 2)
        var timeouts = LoopbackServer.patient
        timeouts.body = .milliseconds(200)
        try await LoopbackServer.run(
            timeouts: timeouts, intake: Self.intake { Sink(dropped: dropped) },
            handler: Self.handler
        ) { server in
            let client = try await server.connect()
            try await client.send(Self.head("/sink", "Content-Length: 9") + "abc")
            client.socket.close()
            let slow = try await server.exchange(Self.head("/sink", "Content-Length: 9") + "abc")
            #expect(slow.status == 408)
            await dropped.wait()
        }
    }

    @Test func `a sink gets what gzip has made smaller, within the same bounds`() async throws {
        // "a" 20,000 times.
        let zipped = try #require(Self.zipped)
        try await LoopbackServer.run(
            intake: Self.intake { Sink(maxByteCount: 20_000) }, handler: Self.handler
        ) { server in
            let client = try await server.connect()
            let head = Self.head(
                "/sink", "Content-Encoding: gzip\r\nContent-Length: \(zipped.count)")
            try await client.send(Array(head.utf8) + zipped)
            #expect(try await client.response().body == "sink: 20000 aaaaaaaa\n")
        }
        try await LoopbackServer.run(
            intake: Self.intake { Sink(maxByteCount: 19_999) }, handler: Self.handler
        ) { server in
            let client = try await server.connect()
            let head = Self.head(
                "/sink", "Content-Encoding: gzip\r\nContent-Length: \(zipped.count)")
            try await client.send(Array(head.utf8) + zipped)
            #expect(try await client.response().status == 413)
        }
    }

    private static var zipped: [UInt8]? {
        guard let deflater = GzipDeflater() else { return nil }
        var output: [UInt8] = []
        deflater.append([UInt8](repeating: 0x61, count: 20_000), .end, to: &output)
        return output
    }

    @Test func `time in which nobody reads is not the client's`() {
        let start = ContinuousClock.now
        var clock = BodyClock(start: start, patience: .seconds(60), minBytesPerSecond: 4_096)
        clock.leaveOut(.seconds(100))
        #expect(clock.deadline == start + .seconds(160))
    }

    @Test(arguments: [(10, true), (9, false), (11, false)])
    func `a stream of a known length is whole or broken off`(
        count: Int, isWhole: Bool
    ) async throws {
        let handler: HTTPServer.Handler = { _ in
            var response = ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    for _ in 0..<count { try await writer.write("a") }
                })
            response.streamByteCount = 10
            return response
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            if isWhole {
                let response = try await client.response()
                #expect(response.fields["content-length"] == "10")
                #expect(response.body == "aaaaaaaaaa")
                // The connection goes on.
                try await client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                let head = try await client.response(hasBody: false)
                #expect(head.fields["content-length"] == "10")
            } else {
                _ = try await client.take(through: "\r\n\r\n")
                while try await client.fill() {}
            }
        }
    }
}
