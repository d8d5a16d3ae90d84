// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Testing

/// Clients that take what they asked for slowly, or not at all.
@Suite(.timeLimit(.minutes(60)))
struct ReaderClockTests {
    private static let patience = Duration.seconds(30)

    @Test func `a reader that takes nothing uses all patience up`() {
        var clock = ReaderClock()
        #expect(clock.left(of: Self.patience) == Self.patience)
        clock.waited(.seconds(20), taken: 0)
        #expect(clock.left(of: Self.patience) == .seconds(10))
        clock.waited(.seconds(20), taken: 0)
        #expect(clock.left(of: Self.patience) == .zero)
    }

    @Test func `a byte now and then wins nothing`() {
        var clock = ReaderClock()
        for _ in 0..<4 { clock.waited(.seconds(10), taken: 1) }
        #expect(clock.left(of: Self.patience) == .zero)
    }

    @Test func `a slow but steady reader is waited for as long as it needs`() {
        var clock = ReaderClock()
        for _ in 0..<1_000 {
            clock.waited(.seconds(10), taken: 10 * ReaderClock.minBytesPerSecond)
        }
        #expect(clock.left(of: Self.patience) == Self.patience)
    }

    @Test func `a burst wins back no more than there was, and what is untrue counts as nothing`() {
        var clock = ReaderClock()
        clock.waited(.seconds(1), taken: 1 << 40)
        clock.waited(.seconds(30), taken: -5)
        #expect(clock.left(of: Self.patience) == .zero)
    }

    @Test func `an answer that nobody reads is cut, and takes bounded memory`() async throws {
        let written = Signal()
        let handler: HTTPServer.Handler = { _ in
            ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    // Without back-pressure this would never end.
                    do {
                        while true { try await writer.write([UInt8](repeating: 0, count: 65_536)) }
                    } catch {
                        written.fire()
                        throw error
                    }
                })
        }
        try await LoopbackServer.run(
            timeouts: .init(write: .milliseconds(50), linger: .milliseconds(50)), handler: handler
        ) { server in
            let client = try await server.connect()
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await written.wait()
            // All that comes is what the kernel held: it ends, without a last chunk.
            #expect(try await !client.response().isComplete)
        }
    }
}
