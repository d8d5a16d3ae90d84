// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Synchronization
import Testing

/// Clients that leave, stall or take their time, and servers that stop.
@Suite(.timeLimit(.minutes(60)))
struct DisconnectionTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let greet: HTTPServer.Handler = { _ in .text(.ok, "hello") }
    /// Short, but on a busy machine still longer than what must not take long.
    private static let short = Duration.milliseconds(100)

    @Test func `a handler is cancelled when its client leaves before the first byte`()
        async throws
    {
        let (started, cancelled) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            started.fire()
            await cancelled.fireWhenCancelled()
            return .text(.ok, "too late")
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            await started.wait()
            client.socket.close()
            await cancelled.wait()
        }
    }

    @Test(arguments: [false, true])
    func `a stream is cancelled when its client leaves in the middle`(
        isReset: Bool
    ) async throws {
        let cancelled = Signal()
        let error = Mutex((any Error)?.none)
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    try await writer.write("first")
                    await cancelled.fireWhenCancelled()
                    do {
                        try await writer.write("second")
                    } catch let failure {
                        error.withLock { $0 = failure }
                        throw failure
                    }
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            _ = try await client.take(through: "first")
            if isReset { client.socket.resetOnClose() }
            client.socket.close()
            await cancelled.wait()
        }
        #expect(error.withLock { $0 } is CancellationError)
    }

    @Test func `a client that only ends its side gets its answer`() async throws {
        let (started, released) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            started.fire()
            await released.wait()
            return .text(.ok, Task.isCancelled ? "cancelled" : "done")
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            await started.wait()
            client.socket.endSending()
            // The first byte of the answer, sent to find out whether anybody is there.
            #expect(try await client.take(1) == "H")
            released.fire()
            #expect(try await client.take(through: "\r\n") == "TTP/1.1 200 OK\r\n")
            #expect(try await client.take(through: "done\n").hasSuffix("\r\n\r\ndone\n"))
            #expect(try await !client.fill())
        }
    }

    @Test func `a client that only ends its side gets the rest of a stream`() async throws {
        let released = Signal()
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    try await writer.write("first")
                    await released.wait()
                    try await writer.write("second")
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            _ = try await client.take(through: "first\r\n")
            client.socket.endSending()
            #expect(try await client.take(1) == "0")
            released.fire()
            // A zero goes ahead each time the server looks whether anybody is there.
            #expect(try await client.take(through: "6\r\n").drop { $0 == "0" } == "6\r\n")
            #expect(try await client.take(13) == "second\r\n0\r\n\r\n")
            #expect(try await !client.fill())
        }
    }

    @Test func `a client that ends its side and leaves later is noticed`() async throws {
        let (started, cancelled) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            started.fire()
            await cancelled.fireWhenCancelled()
            return .text(.ok, "too late")
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            await started.wait()
            client.socket.endSending()
            #expect(try await client.take(1) == "H")
            client.socket.close()
            await cancelled.wait()
        }
    }

    @Test func `a write that waits for a client fails when the client leaves`() async throws {
        let (filled, failed) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    defer { failed.fire() }
                    while true {
                        try await writer.write([UInt8](repeating: 97, count: 1 << 16))
                        filled.fire()
                    }
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            await filled.wait()
            client.socket.close()
            await failed.wait()
        }
    }

    @Test func `a client that pipelines and then sends no more gets every answer`() async throws {
        let handler: HTTPServer.Handler = { request in
            for _ in 0..<100 { await Task.yield() }
            return .text(.ok, Task.isCancelled ? "cancelled" : request.head.path ?? "")
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(
                "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            client.socket.endSending()
            #expect(try await client.response().body == "/1\n")
            // The last one may be taken for abandoned, but is answered.
            #expect(try await client.response().status == 200)
            #expect(try await !client.fill())
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a", 408), ("G", 408),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", 408),
    ])
    func `a request that does not come to its end is given up`(
        text: String, status: Int
    ) async throws {
        let timeouts = HTTPServer.Timeouts(header: Self.short, body: Self.short)
        try await LoopbackServer.run(
            timeouts: timeouts, handler: Self.greet
        ) { server in
            let client = try await server.connect()
            try await client.send(text)
            let response = try await client.response()
            #expect(response.status == status)
            #expect(response.fields["connection"] == "close")
            #expect(try await !client.fill())
        }
    }

    @Test func `a header that drips in gains no time by dripping`() async throws {
        try await LoopbackServer.run(
            timeouts: .init(header: Self.short), handler: Self.greet
        ) { server in
            let client = try await server.connect()
            try await client.send("GET / HTTP/1.1\r\n")
            let socket = client.socket
            let drip = Task {
                while !Task.isCancelled {
                    try await socket.send([97], stallTimeout: .seconds(1))
                    await Task.yield()
                }
            }
            #expect(try await [408, 431].contains(client.response().status))
            drip.cancel()
            _ = await drip.result
        }
    }

    @Test func `an idle connection is closed without a word`() async throws {
        try await LoopbackServer.run(
            timeouts: .init(idle: .seconds(1)), handler: Self.greet
        ) { server in
            let fresh = try await server.connect()
            #expect(try await !fresh.fill())
        }
        try await LoopbackServer.run(
            timeouts: .init(idle: .seconds(5)), handler: Self.greet
        ) { server in
            let used = try await server.connect()
            try await used.send(Self.get)
            #expect(try await used.response().body == "hello\n")
            #expect(try await !used.fill())
        }
    }

    @Test func `a client that takes nothing ends the stream, which never ran far ahead`()
        async throws
    {
        let failure = Mutex((any Error)?.none)
        let written = Mutex(0)
        let ended = Signal()
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    defer { ended.fire() }
                    do {
                        while true {
                            try await writer.write([UInt8](repeating: 97, count: 1 << 16))
                            written.withLock { $0 += 1 << 16 }
                        }
                    } catch {
                        failure.withLock { $0 = error }
                        throw error
                    }
                })
        }
        try await LoopbackServer.run(
            timeouts: .init(write: Self.short), handler: handler
        ) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            await ended.wait()
            #expect(failure.withLock { $0 as? SocketError } == .timedOut)
            // What the kernel buffers on both sides, and no more.
            #expect(written.withLock { $0 } < 64 << 20)
            client.socket.close()
        }
    }

    @Test func `a client that reads late holds up its own stream and nobody else's`()
        async throws
    {
        let byteCount = 64 << 20
        let begun = Signal()
        let written = Mutex(0)
        let handler: HTTPServer.Handler = { request in
            guard request.head.path == "/late" else { return .text(.ok, "hello") }
            return ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    for _ in 0..<(byteCount >> 16) {
                        try await writer.write([UInt8](repeating: 97, count: 1 << 16))
                        written.withLock { $0 += 1 << 16 }
                        begun.fire()
                    }
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let late = try await server.connect()
            try await late.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
            await begun.wait()
            for _ in 0..<50 {
                #expect(try await server.exchange(Self.get).body == "hello\n")
            }
            // The writer waits: what it has written is what the kernel buffers, and no more.
            #expect(written.withLock { $0 } < byteCount)
            let response = try await late.response()
            #expect(response.isComplete)
            #expect(response.body.utf8.count == byteCount)
            #expect(written.withLock { $0 } == byteCount)
        }
    }

    @Test func `writes of several tasks do not mix`() async throws {
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    try await withThrowingTaskGroup { group in
                        for byte in UInt8(97)..<101 {
                            group.addTask {
                                for _ in 0..<10 {
                                    try await writer.write([UInt8](repeating: byte, count: 300_000))
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let response = try await server.exchange(Self.get)
            #expect(response.isComplete)
            #expect(response.chunks.count == 40)
            #expect(
                response.chunks.allSatisfy { $0.utf8.count == 300_000 && Set($0.utf8).count == 1 })
        }
    }

    @Test func `a stream that fails is cut off so that the client can tell`() async throws {
        struct Failure: Error {}
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    try await writer.write("half")
                    throw Failure()
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let response = try await server.exchange(Self.get)
            #expect(response.body == "half")
            #expect(!response.isComplete)
        }
    }

    @Test func `a writer is of no use once its stream has ended`() async throws {
        let kept = Mutex(ResponseWriter?.none)
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    kept.withLock { $0 = writer }
                    try await writer.write("all")
                })
        }
        try await LoopbackServer.run(handler: handler) { server in
            let response = try await server.exchange(Self.get)
            #expect(response.body == "all")
            let writer = try #require(kept.withLock { $0 })
            await #expect(throws: SocketError.closed) { try await writer.write("more") }
        }
    }

    @Test func `sockets of a stopped poller are shut down`() async throws {
        let poller = try Poller()
        let listener = try Listener(
            address: try #require(SocketAddress.resolve(host: "127.0.0.1", port: 0).first),
            poller: poller)
        let acceptance = Task { try await listener.accept() }
        poller.stop()
        await #expect(throws: SocketError.closed) { try await acceptance.value }
    }

    @Test func `shutdown lets requests finish, closes idle connections, refuses new ones`()
        async throws
    {
        let (started, released) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { request in
            guard request.head.path == "/slow" else { return .text(.ok, "quick") }
            started.fire()
            await released.wait()
            return .text(.ok, "slow")
        }
        try await LoopbackServer.run(handler: handler) { server in
            let (idle, busy) = (try await server.connect(), try await server.connect())
            try await idle.send(Self.get)
            #expect(try await idle.response().body == "quick\n")
            try await busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            await started.wait()
            async let shutdown: Void = server.server.shutdown(grace: .seconds(3_600))
            #expect(try await !idle.fill())
            await #expect(throws: (any Error).self) { try await server.exchange(Self.get) }
            released.fire()
            let response = try await busy.response()
            #expect(response.body == "slow\n")
            #expect(response.fields["connection"] == "close")
            await shutdown
            #expect(await server.server.connectionCount == 0)
        }
    }

    @Test func `shutdown cancels what outlives its grace`() async throws {
        let (started, cancelled) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            started.fire()
            await cancelled.fireWhenCancelled()
            return .text(.ok, "cancelled")
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            await started.wait()
            await server.server.shutdown(grace: Self.short)
            #expect(try await client.response().body == "cancelled\n")
        }
    }

    @Test func `shutdown leaves a handler that will not end`() async throws {
        let (started, released) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            started.fire()
            await released.wait()
            return .text(.ok, "")
        }
        try await LoopbackServer.run(handler: handler) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            await started.wait()
            await server.server.shutdown(grace: .zero)
            #expect(try await !client.fill())
            released.fire()
        }
    }
}
