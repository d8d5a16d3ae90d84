// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Synchronization
import Testing

/// A server on a port of the kernel's choice, and clients that need no thread of their own.
struct LoopbackServer {
    let server: HTTPServer
    let host: String
    let port: Int
    private let poller: Poller

    /// Timeouts that no test meets that does not wait for one, however busy the machine is.
    static let patient = HTTPServer.Timeouts(
        header: .seconds(3_600), body: .seconds(3_600), idle: .seconds(3_600),
        write: .seconds(3_600),
        linger: .milliseconds(200))

    /// Runs `body` against a server, which is shut down afterwards.
    static func run(
        host: String = "127.0.0.1", limits: RequestParser.Limits = .init(),
        timeouts: HTTPServer.Timeouts = Self.patient,
        maxConnections: Int = 1_000, maxBodyMemoryBytes: Int? = nil,
        errorResponse: @escaping HTTPServer.ErrorResponse = { status, reason, _ in
            .text(status, reason)
        },
        admission: HTTPServer.Admission? = nil,
        intake: @escaping HTTPServer.Intake = { _ in .memory },
        configure: (inout HTTPServer.Configuration) throws -> Void = { _ in },
        handler: @escaping HTTPServer.Handler,
        _ body: (LoopbackServer) async throws -> Void
    ) async throws {
        var configuration = HTTPServer.Configuration(
            host: host, port: 0, limits: limits, timeouts: timeouts,
            maxConnections: maxConnections, maxBodyMemoryBytes: maxBodyMemoryBytes)
        try configure(&configuration)
        let server = HTTPServer(
            configuration: configuration, errorResponse: errorResponse, admission: admission,
            intake: intake, handler: handler)
        let port = try await server.start()
        let poller = try Poller()
        let loopback = LoopbackServer(server: server, host: host, port: port, poller: poller)
        do {
            try await body(loopback)
        } catch {
            await server.shutdown(grace: .zero)
            throw error
        }
        await server.shutdown(grace: .zero)
        poller.stop()
    }

    /// Connects, from an address of this machine where one is given.
    func connect(from source: String? = nil) async throws -> LoopbackClient {
        if let path = ListeningHost(host).socketPath {
            return LoopbackClient(
                socket: try Socket.connect(to: SocketAddress(path: path), poller: poller))
        }
        let address = try #require(
            try SocketAddress.resolve(host: host, port: UInt16(port)).first)
        let own = try source.flatMap { try SocketAddress.resolve(host: $0, port: 0).first }
        return LoopbackClient(socket: try Socket.connect(to: address, from: own, poller: poller))
    }

    /// Sends one request on a connection of its own.
    func exchange(_ text: String) async throws -> LoopbackResponse {
        let client = try await connect()
        defer { client.socket.close() }
        try await client.send(text)
        return try await client.response()
    }
}

/// A response as it came over the wire.
struct LoopbackResponse {
    let status: Int
    let fields: [String: String]
    var body = ""
    /// Of a body with a length, as it came.
    var bytes: [UInt8] = []
    var chunks: [String] = []
    /// Whether the body ended as its framing promised.
    var isComplete = true
}

/// A client that reads what the server sends, step by step.
final class LoopbackClient {
    let socket: Socket
    private var buffer: [UInt8] = []

    init(socket: Socket) { self.socket = socket }

    deinit { socket.close() }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async throws {
        try await socket.send(bytes, stallTimeout: .seconds(3_600))
    }

    /// Reads one response; `hasBody` is false for the answer to HEAD.
    func response(hasBody: Bool = true) async throws -> LoopbackResponse {
        let lines = try await take(through: "\r\n\r\n").split(separator: "\r\n")
        let code = try #require(lines.first?.split(separator: " ").dropFirst().first)
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ": ", maxSplits: 1)
            fields[parts[0].lowercased()] = parts.count > 1 ? String(parts[1]) : ""
        }
        var response = LoopbackResponse(status: try #require(Int(code)), fields: fields)
        guard hasBody, response.status >= 200 else { return response }
        if let length = fields["content-length"].flatMap({ Int($0) }) {
            response.bytes = try await takeBytes(length)
            response.body = String(decoding: response.bytes, as: UTF8.self)
        } else if fields["transfer-encoding"] == "chunked" {
            try await readChunks(&response)
        } else if ![204, 304].contains(response.status) {
            while try await fill() {}
            response.body = String(decoding: buffer, as: UTF8.self)
        }
        return response
    }

    private func readChunks(_ response: inout LoopbackResponse) async throws {
        while true {
            do {
                let size = Int(try await take(through: "\r\n").dropLast(1), radix: 16) ?? 0
                let chunk = try await take(size)
                _ = try await take(through: "\r\n")
                if size == 0 { return }
                response.chunks.append(chunk)
                response.body += chunk
            } catch is EndOfStream {
                response.isComplete = false
                return
            }
        }
    }

    /// Reads the next piece of a body, without its framing; none at the end.
    func piece(isChunked: Bool) async throws -> [UInt8] {
        if isChunked {
            let size = Int(try await take(through: "\r\n").dropLast(1), radix: 16) ?? 0
            let chunk = try await takeBytes(size)
            _ = try await take(through: "\r\n")
            return chunk
        }
        if buffer.isEmpty { _ = try await fill() }
        defer { buffer = [] }
        return buffer
    }

    /// Reads up to and including a text.
    func take(through text: String) async throws -> String {
        let pattern = Array(text.utf8)
        var searched = 0
        while true {
            while searched + pattern.count <= buffer.count {
                if buffer[searched..<(searched + pattern.count)].elementsEqual(pattern) {
                    return try await take(searched + pattern.count)
                }
                searched += 1
            }
            guard try await fill() else { throw EndOfStream() }
        }
    }

    func take(_ count: Int) async throws -> String {
        String(decoding: try await takeBytes(count), as: UTF8.self)
    }

    func takeBytes(_ count: Int) async throws -> [UInt8] {
        while buffer.count < count {
            guard try await fill() else { throw EndOfStream() }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer.prefix(count))
    }

    /// Waits for more bytes; false at the end, regular or not.
    func fill() async throws -> Bool {
        do throws(SocketError) {
            let bytes = try await socket.receive(maxBytes: 1 << 16, until: .now + .seconds(3_600))
            buffer.append(contentsOf: bytes ?? [])
            return bytes != nil
        } catch {
            if error == .peerClosed { return false }
            throw error
        }
    }
}

/// The connection ended where more was wanted.
struct EndOfStream: Error {}

/// Something that happens once, or a number of times, and can be awaited.
final class Signal: Sendable {
    private struct State {
        var remaining: Int
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(count: Int = 1) { state = Mutex(State(remaining: count)) }

    func fire() {
        let waiters = state.withLock { state in
            state.remaining -= 1
            guard state.remaining <= 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.remaining > 0 { state.waiters.append(continuation) }
                return state.remaining <= 0
            }
            if isOver { continuation.resume() }
        }
    }

    /// Waits until the current task is cancelled, then fires.
    func fireWhenCancelled() async {
        await withTaskCancellationHandler {
            await self.wait()
        } onCancel: {
            self.fire()
        }
    }
}
