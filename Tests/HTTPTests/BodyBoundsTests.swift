// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Testing

/// How long a body may take, and how much memory all of them.
@Suite(.timeLimit(.minutes(60)))
struct BodyBoundsTests {
    private static let start = ContinuousClock.now

    private func clock() -> BodyClock {
        BodyClock(start: Self.start, patience: .seconds(60), minBytesPerSecond: 4_096)
    }

    @Test func `a burst wins no more time than there was at first`() {
        var clock = clock()
        clock.received(16 << 20, at: Self.start + .seconds(1))
        #expect(clock.deadline == Self.start + .seconds(61))
        clock.received(1, at: Self.start + .seconds(50))
        #expect(clock.deadline < Self.start + .seconds(62))
    }

    @Test func `a body at the least rate may take as long as it needs`() {
        var clock = clock()
        for second in 1...3_600 { clock.received(4_096, at: Self.start + .seconds(second)) }
        #expect(clock.deadline == Self.start + .seconds(3_660))
    }

    @Test func `a body that drips runs out of time`() {
        var clock = clock()
        for second in 1...60 { clock.received(1, at: Self.start + .seconds(second)) }
        #expect(clock.deadline < Self.start + .seconds(61))
    }

    @Test func `a lease takes what is beyond the free bytes, and gives it back when it goes`()
        throws
    {
        let budget = BodyBudget(byteCount: 100, connectionCount: 1)
        let first = BodyLease(of: budget)
        try first.grow(to: budget.freeByteCount)
        #expect(budget.usedByteCount == 0)
        do {
            let second = BodyLease(of: budget)
            try second.grow(to: budget.freeByteCount + 60)
            #expect(throws: RequestError.noRoomForBody) {
                try first.grow(to: budget.freeByteCount + 41)
            }
            #expect(budget.usedByteCount == 60)
        }
        try first.grow(to: budget.freeByteCount + 100)
        #expect(budget.usedByteCount == 100)
    }

    @Test func `what bodies take beside the budget is bounded in all`() {
        for count in [1, 1_000, 16_384, 1 << 20] {
            let budget = BodyBudget(byteCount: 100, connectionCount: count)
            #expect(budget.freeByteCount * count <= 64 << 20)
            #expect((1...64 << 10).contains(budget.freeByteCount))
        }
    }

    @Test func `a body that finds no memory is told to come again, and small ones pass`()
        async throws
    {
        let size = 200_000
        let (started, released) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { request in
            guard request.head.path == "/first" else {
                return .text(.ok, "\(request.takeBody().count)")
            }
            started.fire()
            await released.wait()
            return .text(.ok, "\(request.takeBody().count)")
        }
        let head = "HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
        let body = String(repeating: "a", count: size)
        try await LoopbackServer.run(
            limits: .init(maxBodyBytes: size), maxBodyMemoryBytes: size, handler: handler
        ) { server in
            let first = try await server.connect()
            try await first.send("POST /first \(head)\(size)\r\n\r\n\(body)")
            await started.wait()
            let refused = try await server.exchange("POST /second \(head)\(size)\r\n\r\n\(body)")
            #expect(refused.status == 503)
            #expect(refused.fields["retry-after"] == "1")
            #expect(try await server.exchange("POST /3 \(head)3\r\n\r\nabc").body == "3\n")
            released.fire()
            #expect(try await first.response().body == "\(size)\n")
            let later = try await server.exchange("POST /later \(head)\(size)\r\n\r\n\(body)")
            #expect(later.body == "\(size)\n")
        }
    }

    @Test func `a body that a handler has taken no longer counts`() async throws {
        let size = 200_000
        let (started, released) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { request in
            let count = request.takeBody().count
            guard request.head.path == "/first" else { return .text(.ok, "\(count)") }
            started.fire()
            await released.wait()
            return .text(.ok, "\(count)")
        }
        let head = "HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n"
        let body = String(repeating: "a", count: size)
        try await LoopbackServer.run(
            limits: .init(maxBodyBytes: size), maxBodyMemoryBytes: size, handler: handler
        ) { server in
            let first = try await server.connect()
            try await first.send("POST /first \(head)\(body)")
            await started.wait()
            #expect(try await server.exchange("POST /second \(head)\(body)").body == "\(size)\n")
            released.fire()
            #expect(try await first.response().body == "\(size)\n")
        }
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
        "OPTIONS / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ])
    func `a body that means nothing is not waited for`(request: String) async throws {
        let handler: HTTPServer.Handler = { .text(.ok, "\($0.body.count)") }
        try await LoopbackServer.run(
            limits: .init(maxBodyBytes: 200_000), maxBodyMemoryBytes: 200_000, handler: handler
        ) { server in
            let response = try await server.exchange(request)
            #expect(response.status == 200)
            #expect(response.fields["connection"] == "close")
            #expect(response.body == "0\n")
        }
    }

    @Test func `memory for less than one body is no configuration`() {
        #expect(throws: HTTPServerError.self) {
            try HTTPServer.Configuration(maxBodyMemoryBytes: 1).validated()
        }
    }
}
