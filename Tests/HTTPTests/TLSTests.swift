// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import HTTP
import HTTPTypes
import TestSupport
import Testing

/// Encrypted connections, with the `openssl` command at the other end.
@Suite(.timeLimit(.minutes(60)))
struct TLSTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let greet: HTTPServer.Handler = { request in
        ServerResponse(
            status: .ok, contentType: "text/plain", body: Array("hello ".utf8) + request.body)
    }

    /// Runs a server with the certificate `server`.
    private static func run(
        clients: String? = nil, timeouts: HTTPServer.Timeouts = LoopbackServer.patient,
        handler: @escaping HTTPServer.Handler = Self.greet,
        _ body: (LoopbackServer, OpenSSLTool) async throws -> Void
    ) async throws {
        let tool = try OpenSSLTool()
        try await tool.makeCertificate("server")
        if let clients { try await tool.makeCertificate(clients) }
        func configure(_ configuration: inout HTTPServer.Configuration) {
            configuration.tls = TLSFiles(
                certificate: tool.path("server.pem"), key: tool.path("server.key"),
                clientAuthorities: clients.map { tool.path($0 + ".pem") })
        }
        try await LoopbackServer.run(
            timeouts: timeouts, configure: configure, handler: handler
        ) { try await body($0, tool) }
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func `TLS 1.2 and 1.3 are spoken, however much is said`(version: String) async throws {
        try await Self.run { server, tool in
            let text = String(repeating: "0123456789abcdef", count: 40_000)
            let answer = try await tool.ask(
                server, trusting: "server", [version],
                sending: "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                    + "Content-Length: \(text.utf8.count)\r\n\r\n\(text)")
            #expect(answer.isContent)
            #expect(answer.text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.text.hasSuffix("\r\n\r\nhello " + text))
        }
    }

    @Test func `a connection is kept alive, and pipelined requests are answered in order`()
        async throws
    {
        let handler: HTTPServer.Handler = { .text(.ok, $0.head.path ?? "") }
        try await Self.run(handler: handler) { server, tool in
            let answer = try await tool.ask(
                server, trusting: "server",
                sending: "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let paths = answer.text.split(separator: "\r\n\r\n").map { $0.prefix(2) }
            #expect(paths == ["HT", "/1", "/2", "/3"])
        }
    }

    @Test(arguments: [
        ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "AES128-SHA@SECLEVEL=0"], ["-alpn", "h2"],
    ])
    func `nothing older or weaker is spoken, and no other protocol`(
        offer: [String]
    ) async throws {
        try await Self.run { server, tool in
            let answer = try await tool.ask(server, trusting: "server", offer)
            #expect(!answer.isContent && answer.text.isEmpty)
            #expect(
                try await tool.ask(server, trusting: "server", ["-alpn", "h2,http/1.1"]).isContent)
        }
    }

    @Test func `plain HTTP is told where it is, and noise is closed`() async throws {
        try await Self.run { server, _ in
            let response = try await server.exchange(Self.get)
            #expect(response.status == 400)
            #expect(response.body.contains("https://"))
            for noise: [UInt8] in [
                [0x80, 1, 2], [0x0D, 0x0A], [0x16, 3, 1, 0, 5, 9, 9, 9, 9, 9],
            ] {
                let client = try await server.connect()
                try await client.send(noise)
                while try await client.fill() {}
            }
        }
    }

    @Test func `a handshake that does not go on is cut, and holds up nobody`() async throws {
        try await Self.run { server, tool in
            var stalled: [LoopbackClient] = []
            for index in 0..<100 {
                let client = try await server.connect()
                try await client.send(Array([0x16, 3, 1, 2, 0, 1, 0].prefix(index % 8)))
                stalled.append(client)
            }
            #expect(try await tool.ask(server, trusting: "server").isContent)
        }
        try await Self.run(
            timeouts: .init(header: .milliseconds(50), idle: .milliseconds(50))
        ) { server, _ in
            for count in [0, 1, 7] {
                let client = try await server.connect()
                try await client.send(Array([0x16, 3, 1, 2, 0, 1, 0].prefix(count)))
                #expect(try await !client.fill())
            }
        }
    }

    @Test func `only clients of the authorities are served where those are set`() async throws {
        try await Self.run(clients: "friend") { server, tool in
            try await tool.makeCertificate("stranger")
            func ask(as name: String) async throws -> String {
                try await tool.ask(
                    server, trusting: "server",
                    ["-cert", tool.path(name + ".pem"), "-key", tool.path(name + ".key")]
                ).text
            }
            #expect(try await ask(as: "friend").hasSuffix("hello "))
            #expect(try await ask(as: "stranger").isEmpty)
            #expect(try await tool.ask(server, trusting: "server").text.isEmpty)
        }
    }

    @Test func `new connections get a new certificate, and old ones go on`() async throws {
        let (started, released) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { request in
            guard request.head.path == "/slow" else { return .text(.ok, "quick") }
            started.fire()
            await released.wait()
            return .text(.ok, "slow")
        }
        try await Self.run(handler: handler) { server, tool in
            let slow = try tool.connect(
                to: server, trusting: "server",
                sending: "GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            await started.wait()
            try await tool.makeCertificate("next", days: 9)
            for ending in [".pem", ".key"] {
                unsafe rename(tool.path("server" + ending), tool.path("old" + ending))
                try FileManager.default.copyItem(
                    atPath: tool.path("next" + ending), toPath: tool.path("server" + ending))
            }
            #expect(try await tool.ask(server, trusting: "old").isContent, "nobody has asked yet")
            let daysLeft = try server.server.reloadCertificate()
            #expect(daysLeft.map { (8...9).contains($0) } == true)
            #expect(try await tool.ask(server, trusting: "next").isContent)
            #expect(try await !tool.ask(server, trusting: "old").isContent)
            try Data("broken".utf8).write(to: URL(fileURLWithPath: tool.path("server.pem")))
            #expect(throws: HTTPServerError.self) { try server.server.reloadCertificate() }
            #expect(try await tool.ask(server, trusting: "next").isContent)
            released.fire()
            #expect(try await slow.result().text.hasSuffix("\r\n\r\nslow\n"))
        }
    }

    @Test(arguments: [false, true])
    func `a client that leaves ends its request, with or without a word`(
        says: Bool
    ) async throws {
        let (started, cancelled) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            started.fire()
            await cancelled.fireWhenCancelled()
            return .text(.ok, "")
        }
        try await Self.run(handler: handler) { server, tool in
            // Without -quiet it says goodbye at the end of its input.
            let client = try tool.connect(
                to: server, trusting: "server", says ? ["-brief"] : ["-quiet"],
                sending: Self.get)
            await started.wait()
            // What a process of this one's threads may have blocked is no way to end it.
            if !says { client.process.send(SIGKILL) }
            await cancelled.wait()
            _ = try await client.result()
        }
    }

    @Test func `a client that does not read is cut`() async throws {
        let (started, stopped, ended) = (Signal(), Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            started.fire()
            await stopped.wait()
            return ServerResponse(
                head: HTTPResponse(status: .ok),
                body: .stream { writer in
                    do {
                        while true { try await writer.write([UInt8](repeating: 0, count: 65_536)) }
                    } catch {
                        ended.fire()
                        throw error
                    }
                })
        }
        var timeouts = LoopbackServer.patient
        timeouts.write = .milliseconds(50)
        try await Self.run(timeouts: timeouts, handler: handler) { server, tool in
            let client = try tool.connect(to: server, trusting: "server", sending: Self.get)
            await started.wait()
            client.process.send(SIGSTOP)
            stopped.fire()
            await ended.wait()
            client.process.send(SIGKILL)
            _ = try await client.result()
        }
    }

    /// A record that asks for new keys has 27 bytes; a client that sends 64 KiB of them is cut.
    @Test(arguments: [false, true])
    func `a client that only asks for new keys is cut, and holds up nobody`(
        asksForAnswers: Bool
    ) async throws {
        try await Self.run { server, tool in
            let flood = KeyUpdateFlood(port: server.port, asksForAnswers: asksForAnswers)
            let count = try #require(await flood.run(atMost: 100_000))
            #expect(count > 1_000 && count < 100_000)
            let answer = try await tool.ask(server, trusting: "server")
            #expect(answer.isContent && answer.text.hasSuffix("hello "))
        }
    }

    @Test func `a file that cannot be used is named`() async throws {
        let tool = try OpenSSLTool()
        for name in ["one", "two"] { try await tool.makeCertificate(name) }
        let encrypted = try await tool.start([
            "ec", "-in", tool.path("one.key"), "-aes128", "-passout", "pass:secret", "-out",
            tool.path("encrypted.key"),
        ]).result()
        try #require(encrypted.isContent)
        func key(_ certificate: String?, _ key: String?, _ clients: String? = nil) -> String? {
            let files = TLSFiles(
                certificate: certificate.map { tool.path($0) }, key: key.map { tool.path($0) },
                clientAuthorities: clients.map { tool.path($0) })
            do throws(HTTPServerError) {
                _ = try TLSContext(files)
                return nil
            } catch {
                guard case .invalid(let key, let reason) = error, !reason.isEmpty else {
                    return "\(error)"
                }
                return key
            }
        }
        #expect(key("one.pem", "one.key", "two.pem") == nil)
        #expect(key(nil, "one.key") == "tls-cert")
        #expect(key(nil, nil, "two.pem") == "tls-cert")
        #expect(key("absent", "one.key") == "tls-cert")
        #expect(key("one.key", "one.key") == "tls-cert")
        #expect(key("one.pem", nil) == "tls-key")
        #expect(key("one.pem", "absent") == "tls-key")
        #expect(key("one.pem", "two.key") == "tls-key")
        #expect(key("one.pem", "encrypted.key") == "tls-key")
        #expect(key("one.pem", "one.key", "absent") == "tls-client-ca")
        #expect(key("one.pem", "one.key", "one.key") == "tls-client-ca")
        let server = HTTPServer(
            configuration: .init(port: 0), handler: Self.greet)
        let daysLeft = try server.reloadCertificate()
        #expect(daysLeft == nil, "there is nothing to read again")
    }
}
