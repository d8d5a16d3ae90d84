// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import HTTP
import HTTPTypes
import Testing

/// Unix sockets, and sockets that the process was started with.
@Suite(.timeLimit(.minutes(60)))
struct ListeningSocketTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let greet: HTTPServer.Handler = { .text(.ok, "hello \($0.remoteAddress)") }

    /// A folder that nobody else knows, and that goes with this value.
    private final class Folder {
        let path = NSTemporaryDirectory() + "/cierzo-\(UUID().uuidString)"

        init() throws {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func mode(_ path: String) -> mode_t? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
            return nil
        }
        return status.st_mode & 0o777
    }

    /// A socket of a family that listens, or only is there.
    private static func descriptor(
        _ address: SocketAddress, _ type: __socket_type = SOCK_STREAM, listens: Bool = true
    ) throws -> Int32 {
        let descriptor = Glibc.socket(address.family, Int32(type.rawValue), 0)
        let bound = unsafe address.withPointer { unsafe bind(descriptor, $0, $1) }
        try #require(bound == 0)
        if listens { try #require(listen(descriptor, 100) == 0) }
        return descriptor
    }

    private static func loopback() throws -> SocketAddress {
        try #require(SocketAddress.resolve(host: "127.0.0.1", port: 0).first)
    }

    private static func listening(
        on descriptor: Int32
    ) throws -> (inout HTTPServer.Configuration) -> Void {
        let shared = try InheritedSocket(descriptor: descriptor)
        return { $0.inherited = [shared] }
    }

    // MARK: Unix sockets

    @Test(
        arguments: [
            (SocketAccess.owner, 0o600), (.group, 0o660), (.everyone, 0o666),
        ] as [(SocketAccess, mode_t)])
    func `a Unix socket serves those who may, and is gone afterwards`(
        access: SocketAccess, mode: mode_t
    ) async throws {
        let folder = try Folder()
        let path = folder.path + "/socket"
        func configure(_ configuration: inout HTTPServer.Configuration) {
            configuration.socketAccess = access
        }
        try await LoopbackServer.run(
            host: "unix:" + path, configure: configure, handler: Self.greet
        ) { server in
            #expect(server.port == 0)
            #expect(await server.server.addresses == ["unix:" + path])
            let response = try await server.exchange(Self.get)
            #expect(response.body == "hello unix\n")
            #expect(Self.mode(path) == mode)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        withExtendedLifetime(folder) {}
    }

    @Test func `a client of a Unix socket that leaves ends its request`() async throws {
        let (started, cancelled) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { _ in
            started.fire()
            await cancelled.fireWhenCancelled()
            return .text(.ok, "")
        }
        try await LoopbackServer.run(
            host: "unix:@cierzo-\(UUID().uuidString)", handler: handler
        ) { server in
            let client = try await server.connect()
            try await client.send(Self.get)
            await started.wait()
            client.socket.close()
            await cancelled.wait()
        }
    }

    @Test func `a file that a server has left behind is replaced`() async throws {
        let folder = try Folder()
        let path = folder.path + "/socket"
        Glibc.close(try Self.descriptor(SocketAddress(path: path)))
        #expect(Self.mode(path) != nil)
        try await LoopbackServer.run(host: "unix:" + path, handler: Self.greet) { server in
            let response = try await server.exchange(Self.get)
            #expect(response.status == 200)
        }
        withExtendedLifetime(folder) {}
    }

    @Test func `a server that listens keeps its file, and a file that is no socket stays`()
        async throws
    {
        let folder = try Folder()
        let path = folder.path + "/socket"
        try await LoopbackServer.run(host: "unix:" + path, handler: Self.greet) { server in
            let second = HTTPServer(
                configuration: .init(host: "unix:" + path), handler: Self.greet)
            await #expect(throws: HTTPServerError.self) { try await second.start() }
            let response = try await server.exchange(Self.get)
            #expect(response.status == 200)
        }
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        let third = HTTPServer(
            configuration: .init(host: "unix:" + path), handler: Self.greet)
        await #expect(
            throws: HTTPServerError.cannotListen(
                host: "unix:" + path, port: 0,
                reason: "\(path): there is a file that is no socket")
        ) { try await third.start() }
        #expect(FileManager.default.contents(atPath: path) == Data("mine".utf8))
        withExtendedLifetime(folder) {}
    }

    @Test func `a server does not remove the file of another that took its place`() async throws {
        let folder = try Folder()
        let path = folder.path + "/socket"
        try await LoopbackServer.run(host: "unix:" + path, handler: Self.greet) { _ in
            unsafe unlink(path)
            Glibc.close(try Self.descriptor(SocketAddress(path: path)))
        }
        #expect(Self.mode(path) != nil)
        withExtendedLifetime(folder) {}
    }

    @Test(arguments: ["", "/nowhere/at/all", "/" + String(repeating: "x", count: 200)])
    func `a path that cannot be is an error`(path: String) async throws {
        let server = HTTPServer(
            configuration: .init(host: "unix:" + path), handler: Self.greet)
        await #expect(throws: HTTPServerError.self) { try await server.start() }
    }

    // MARK: Inherited sockets

    @Test func `whoever connects while no server runs is answered by the next`() async throws {
        let descriptor = try Self.descriptor(Self.loopback())
        defer { Glibc.close(descriptor) }
        let port = try InheritedSocket(descriptor: descriptor).address.port
        // As it waits in the kernel, a client needs no server to connect.
        let poller = try Poller()
        defer { poller.stop() }
        func connect() throws -> LoopbackClient {
            let address = try #require(SocketAddress.resolve(host: "127.0.0.1", port: port).first)
            return LoopbackClient(socket: try Socket.connect(to: address, poller: poller))
        }
        var waiting = try connect()
        for _ in 0..<3 {
            let listen = try Self.listening(on: dup(descriptor))
            try await LoopbackServer.run(configure: listen, handler: Self.greet) { server in
                #expect(server.port == Int(port))
                try await waiting.send(Self.get)
                #expect(try await waiting.response().status == 200)
            }
            waiting = try connect()
        }
    }

    @Test func `a server that finishes answers whoever is connected, and nobody else`()
        async throws
    {
        let (started, released) = (Signal(), Signal())
        let handler: HTTPServer.Handler = { request in
            guard request.head.path == "/slow" else { return .text(.ok, "quick") }
            started.fire()
            await released.wait()
            return .text(.ok, "slow")
        }
        let descriptor = try Self.descriptor(Self.loopback())
        let listen = try Self.listening(on: dup(descriptor))
        defer { Glibc.close(descriptor) }
        try await LoopbackServer.run(configure: listen, handler: handler) { server in
            let (fresh, used, busy) = (
                try await server.connect(), try await server.connect(),
                try await server.connect()
            )
            try await used.send(Self.get)
            #expect(try await used.response().status == 200)
            try await busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            await started.wait()
            // All three are accepted by now, for they are in order.
            async let finish: Void = server.server.finish(
                within: .seconds(3_600), lastChance: .seconds(3_600))
            // Whatever else goes wrong, what waits for this one ends.
            defer { released.fire() }
            while await server.server.isAccepting { await Task.yield() }
            for client in [fresh, used] {
                try await client.send(Self.get)
                let response = try await client.response()
                #expect(response.body == "quick\n")
                #expect(response.fields["connection"] == "close")
            }
            released.fire()
            let response = try await busy.response()
            #expect(response.body == "slow\n" && response.fields["connection"] == "close")
            await finish
            #expect(await server.server.connectionCount == 0)
            // It waits in the kernel for who listens next.
            let late = try await server.connect()
            try await late.send(Self.get)
        }
    }

    @Test func `clients wait in the kernel for a server that is not ready yet`() async throws {
        let listen = try Self.listening(on: Self.descriptor(Self.loopback()))
        var configuration = HTTPServer.Configuration()
        listen(&configuration)
        let server = HTTPServer(configuration: configuration, handler: Self.greet)
        let port = try await server.start(accepts: false)
        let poller = try Poller()
        defer { poller.stop() }
        let address = try #require(
            SocketAddress.resolve(host: "127.0.0.1", port: UInt16(port)).first)
        let client = LoopbackClient(socket: try Socket.connect(to: address, poller: poller))
        try await client.send(Self.get)
        #expect(await server.connectionCount == 0)
        await server.beginAccepting()
        #expect(try await client.response().status == 200)
        await server.shutdown(grace: .zero)
        await server.beginAccepting()
        #expect(await !server.isAccepting)
    }

    @Test func `only what accepts connections of clients is listened on`() async throws {
        func reason(_ descriptor: Int32) -> String? {
            do throws(HTTPServerError) {
                _ = try InheritedSocket(descriptor: descriptor)
                return nil
            } catch {
                guard case .unusable(descriptor, let reason) = error else { return "\(error)" }
                return reason
            }
        }
        let file = unsafe open("/dev/null", O_RDONLY)
        let datagrams = try Self.descriptor(Self.loopback(), SOCK_DGRAM, listens: false)
        let deaf = try Self.descriptor(Self.loopback(), listens: false)
        let good = try Self.descriptor(Self.loopback())
        let everywhere = try Self.descriptor(
            try #require(SocketAddress.resolve(host: "0.0.0.0", port: 0).first))
        let local = try Self.descriptor(SocketAddress(path: "@cierzo-\(UUID().uuidString)"))
        defer {
            for used in [file, datagrams, deaf, good, everywhere, local] { Glibc.close(used) }
        }
        #expect(reason(-1) == "it is not open")
        #expect(reason(file) == "it is no socket")
        #expect(reason(datagrams) == "it is no stream socket")
        #expect(reason(deaf) == "it does not listen")
        #expect(reason(good) == nil)
        #expect(try InheritedSocket(descriptor: good).isLocal)
        #expect(try InheritedSocket(descriptor: local).isLocal)
        #expect(try !InheritedSocket(descriptor: everywhere).isLocal)
        var configuration = HTTPServer.Configuration(host: "127.0.0.1")
        #expect(configuration.isLocal)
        configuration.inherited = try [good, everywhere].map { try InheritedSocket(descriptor: $0) }
        #expect(!configuration.isLocal)
    }
}
