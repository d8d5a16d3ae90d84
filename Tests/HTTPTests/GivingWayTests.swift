// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Synchronization
import Testing

/// Too many connections: who gives way, and what the rest are told.
@Suite(.timeLimit(.minutes(60)))
struct GivingWayTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let greet: HTTPServer.Handler = { _ in .text(.ok, "hello") }

    @Test func `the connection that was silent the longest gives way to a new one`() async throws {
        try await LoopbackServer.run(maxConnections: 2, handler: Self.greet) { server in
            let (first, second) = (try await server.connect(), try await server.connect())
            try await first.send(Self.get)
            #expect(try await first.response().status == 200)
            try await second.send(Self.get)
            #expect(try await second.response().status == 200)
            let third = try await server.connect()
            try await third.send(Self.get)
            #expect(try await third.response().status == 200)
            #expect(try await !first.fill())
            try await second.send(Self.get)
            #expect(try await second.response().status == 200)
        }
    }

    @Test func `connections that never say anything lock nobody out`() async throws {
        try await LoopbackServer.run(maxConnections: 4, handler: Self.greet) { server in
            var silent: [LoopbackClient] = []
            for _ in 0..<300 { silent.append(try await server.connect()) }
            #expect(try await server.exchange(Self.get).status == 200)
            #expect(await server.server.connectionCount <= 4 + 128)
        }
    }

    /// A client that has had an answer, and has sent half of its next request.
    private static func half(_ server: LoopbackServer) async throws -> LoopbackClient {
        let client = try await server.connect()
        try await client.send(get + "GET / HT")
        #expect(try await client.response().status == 200)
        return client
    }

    @Test func `headers that do not come to their end give way, the oldest first`() async throws {
        try await LoopbackServer.run(maxConnections: 8, handler: Self.greet) { server in
            var halves: [LoopbackClient] = []
            for _ in 0..<8 { halves.append(try await Self.half(server)) }
            #expect(try await server.exchange(Self.get).status == 200)
            #expect(try await !halves[0].fill())
            try await halves[7].send("TP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await halves[7].response().status == 200)
        }
    }

    @Test func `a crowd of unfinished headers leaves room for whoever asks`() async throws {
        try await LoopbackServer.run(maxConnections: 200, handler: Self.greet) { server in
            var crowd: [LoopbackClient] = []
            for _ in 0..<1_000 {
                crowd.append(try await Self.half(server))
                if crowd.count % 100 == 0 {
                    #expect(try await server.exchange(Self.get).status == 200)
                }
            }
            #expect(await server.server.connectionCount <= 200 + 128)
        }
    }

    @Test func `all but a request that is received or answered may give way`() {
        let phase = ConnectionPhase()
        #expect(phase.standing?.isSilent == true)
        phase.beginHeader()
        #expect(phase.standing?.isSilent == false)
        phase.beginRequest(HTTPRequest(method: .get, scheme: "http", authority: "a", path: "/"))
        #expect(phase.standing == nil)
        phase.linger()
        #expect(phase.standing?.isSilent == true)
    }

    @Test func `a running request does not give way, and health is answered beside it`()
        async throws
    {
        let (started, released) = (Signal(count: 2), Signal())
        let handler: HTTPServer.Handler = { request in
            guard request.head.path == "/slow" else { return .text(.ok, "healthy") }
            started.fire()
            await released.wait()
            return .text(.ok, "done")
        }
        let admission: HTTPServer.Admission = { arrival in
            guard arrival.isOverLimit, arrival.head.path != "/health" else { return nil }
            return .text(.serviceUnavailable, "busy")
        }
        let slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
        try await LoopbackServer.run(
            maxConnections: 2, admission: admission, handler: handler
        ) { server in
            let (first, second) = (try await server.connect(), try await server.connect())
            try await first.send(slow)
            try await second.send(slow)
            await started.wait()
            // Guests that say nothing, or half of it, do not keep others from being heard.
            var silent: [LoopbackClient] = []
            for _ in 0..<100 {
                silent.append(try await server.connect())
                let half = try await server.connect()
                try await half.send("GET /hea")
                silent.append(half)
            }
            let health = try await server.exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(health.body == "healthy\n")
            #expect(health.fields["connection"] == "close")
            #expect(
                try await server.exchange(
                    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"
                ).status == 503)
            released.fire()
            #expect(try await first.response().body == "done\n")
            #expect(try await second.response().body == "done\n")
        }
    }

    @Test func `a process's limit of descriptors bounds its connections`() {
        let small = ConnectionLimits(configured: 1_024, descriptors: 1_024)
        #expect(small.served == 768)
        #expect(small.guests == 64)
        #expect(ConnectionLimits(configured: 1_024, descriptors: 20_000).served == 1_024)
        #expect(ConnectionLimits(configured: 4, descriptors: 256).served == 4)
        #expect(ConnectionLimits(configured: 1_024, descriptors: 3).served == 1)
        #expect(ConnectionLimits(configured: 1_024, descriptors: .max).served == 1_024)
        #expect(ConnectionLimits(configured: nil, descriptors: 4_096).served == 3_840)
        #expect(ConnectionLimits(configured: nil, descriptors: .max).served == 16_384)
    }

    @Test func `the soft limit of descriptors is raised once and for all`() {
        let raised = DescriptorLimit.raise()
        #expect(raised > 0)
        #expect(DescriptorLimit.raise() == raised)
    }
}
