// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Testing

/// One address with too many connections.
@Suite(.timeLimit(.minutes(60)))
struct AddressLimitTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Runs `body` against a server that answers `/slow` when it is told to, and takes two
    /// connections of an address.
    private static func run(
        admitsGuests: Bool = false, limitsLocalAddresses: Bool = true, slowCount: Int = 2,
        _ body: (LoopbackServer, _ started: Signal, _ released: Signal) async throws -> Void
    ) async throws {
        let (started, released) = (Signal(count: slowCount), Signal())
        let handler: HTTPServer.Handler = { request in
            guard request.head.path == "/slow" else { return .text(.ok, request.remoteAddress) }
            started.fire()
            await released.wait()
            return .text(.ok, "slow")
        }
        let admission: HTTPServer.Admission = { _ in nil }
        func configure(_ configuration: inout HTTPServer.Configuration) {
            configuration.maxConnectionsPerAddress = 2
            configuration.limitsLocalAddresses = limitsLocalAddresses
        }
        try await LoopbackServer.run(
            admission: admitsGuests ? admission : nil, configure: configure, handler: handler
        ) { server in
            try await body(server, started, released)
            released.fire()
        }
    }

    @Test func `an address with as many as it may have is told so, and others are served`()
        async throws
    {
        try await Self.run { server, started, released in
            let busy = [
                try await server.connect(from: "127.0.0.2"),
                try await server.connect(from: "127.0.0.2"),
            ]
            for client in busy { try await client.send(Self.slow) }
            await started.wait()
            let third = try await server.connect(from: "127.0.0.2")
            try await third.send(Self.get)
            #expect(try await third.response().status == 503)
            let other = try await server.connect(from: "127.0.0.3")
            try await other.send(Self.get)
            #expect(try await other.response().body == "127.0.0.3\n")
            released.fire()
            for client in busy { #expect(try await client.response().status == 200) }
        }
    }

    @Test func `its idle connections give way, and no other's do`() async throws {
        try await Self.run { server, _, _ in
            let other = try await server.connect(from: "127.0.0.3")
            var own: [LoopbackClient] = []
            for _ in 0..<5 {
                let client = try await server.connect(from: "127.0.0.2")
                try await client.send(Self.get)
                #expect(try await client.response().status == 200)
                own.append(client)
            }
            for client in own.dropLast(2) { #expect(try await !client.fill()) }
            try await other.send(Self.get)
            #expect(try await other.response().status == 200)
        }
    }

    @Test func `what is far beyond is closed, and takes no place of others`() async throws {
        // Two that are served, and eight that get an answer of their own.
        try await Self.run(admitsGuests: true, slowCount: 10) { server, started, released in
            var busy: [LoopbackClient] = []
            for _ in 0..<10 {
                let client = try await server.connect(from: "127.0.0.2")
                try await client.send(Self.slow)
                busy.append(client)
            }
            await started.wait()
            let late = try await server.connect(from: "127.0.0.2")
            #expect(try await !late.fill())
            let other = try await server.connect(from: "127.0.0.3")
            try await other.send(Self.get)
            #expect(try await other.response().status == 200)
            released.fire()
            for client in busy { #expect(try await client.response().status == 200) }
        }
    }

    @Test func `this machine's own addresses may have as many as there are`() async throws {
        try await Self.run(limitsLocalAddresses: false, slowCount: 3) { server, started, released in
            var busy: [LoopbackClient] = []
            for _ in 0..<3 {
                let client = try await server.connect(from: "127.0.0.2")
                try await client.send(Self.slow)
                busy.append(client)
            }
            await started.wait()
            released.fire()
            for client in busy { #expect(try await client.response().status == 200) }
        }
    }

    @Test(
        arguments: [
            (100, nil, 50), (100, 10, 10), (100, 1_000, 100), (1, nil, 1),
        ] as [(Int, Int?, Int)])
    func `an address gets half of all places unless the operator says how many`(
        all: Int, configured: Int?, share: Int
    ) {
        let limits = ConnectionLimits(
            configured: all, perAddress: configured, descriptors: 65_536)
        #expect(limits.servedPerAddress == share)
    }

    @Test func `addresses of one customer are counted together`() {
        func same(_ first: String, _ second: String) -> Bool {
            ClientNetwork(of: first) == ClientNetwork(of: second)
        }
        #expect(same("192.0.2.1", "192.0.2.1"))
        #expect(!same("192.0.2.1", "192.0.2.2"))
        #expect(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"))
        #expect(!same("2001:db8:1:2::1", "2001:db8:1:3::1"))
        #expect(same("fe80::1%eth0", "fe80::2%eth1"))
        #expect(same("unix", "unix"))
        #expect(!same("::1", "127.0.0.1"))
        for local in ["127.0.0.1", "127.9.9.9", "::1", "unix"] {
            #expect(ClientNetwork(of: local).isLocal)
        }
        for remote in ["192.0.2.1", "2001:db8::1", "::2"] {
            #expect(!ClientNetwork(of: remote).isLocal)
        }
    }
}
