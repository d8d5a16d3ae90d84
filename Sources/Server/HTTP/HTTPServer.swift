// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// An HTTP/1.1 server: one task per connection, one thread that waits for all sockets.
package actor HTTPServer {
    /// Answers a request; its task is cancelled when the client leaves.
    package typealias Handler = @Sendable (ServerRequest) async -> ServerResponse
    /// Shapes the server's own errors, so that every client can be spoken to in its dialect.
    ///
    /// The request is nil where not even its header could be read.
    package typealias ErrorResponse =
        @Sendable (HTTPResponse.Status, String, HTTPRequest?) -> ServerResponse
    /// Looks at a request before its body is read: nil lets it pass, a response refuses it.
    package typealias Admission = @Sendable (ArrivingRequest) -> ServerResponse?

    /// Connections over the limit that are told so at once; beyond these they are just closed.
    private static let maxRefusalCount = 64
    /// How long cancelled handlers have to end, and then their connections to close.
    private static let farewell = Duration.seconds(1)

    private let service: HTTPConnection.Service
    private var poller: Poller?
    private var listeners: [Listener] = []
    private var connections: [Int: HTTPConnection] = [:]
    private var nextConnectionID = 0
    private var refusalCount = 0
    private var isShuttingDown = false
    private var idleWaiters: [CheckedContinuation<Void, Never>] = []

    /// A server that does not listen yet.
    package init(
        configuration: Configuration,
        errorResponse: @escaping ErrorResponse = { status, reason, _ in .text(status, reason) },
        admission: @escaping Admission = { _ in nil }, handler: @escaping Handler
    ) {
        service = HTTPConnection.Service(
            configuration: configuration, handler: handler, admission: admission,
            errorResponse: errorResponse,
            bodyBudget: BodyBudget(byteCount: configuration.maxBodyMemoryBytes))
    }

    /// How many connections are open.
    package var connectionCount: Int { connections.count }

    /// Listens and serves until ``shutdown(grace:)``.
    ///
    /// - Returns: the port, which matters if the configuration left the choice to the kernel.
    /// - Throws: ``HTTPServerError``.
    package func start() async throws -> Int {
        guard poller == nil else { throw HTTPServerError.alreadyStarted }
        let configuration = try service.configuration.validated()
        let poller = try Poller()
        do {
            listeners = try Self.listen(configuration, poller)
        } catch {
            poller.stop()
            throw error
        }
        self.poller = poller
        for listener in listeners {
            Task { await self.acceptConnections(of: listener) }
        }
        return listeners.first.map { Int($0.port) } ?? configuration.port
    }

    /// Stops serving, politely.
    ///
    /// Stops accepting, closes idle connections, lets the requests being served end within
    /// `grace`, then cancels their handlers, and at last breaks off what is left.
    package func shutdown(grace: Duration) async {
        guard !isShuttingDown else { return await waitUntilIdle(grace) }
        isShuttingDown = true
        for listener in listeners { listener.close() }
        for connection in connections.values { connection.drain() }
        await waitUntilIdle(grace)
        for connection in connections.values { connection.cancel() }
        await waitUntilIdle(Self.farewell)
        for connection in connections.values { connection.breakOff() }
        await waitUntilIdle(Self.farewell)
        poller?.stop()
    }

    private static func listen(
        _ configuration: Configuration, _ poller: Poller
    ) throws(HTTPServerError) -> [Listener] {
        let isAny = ["", "*"].contains(configuration.host)
        let hosts = isAny ? ["::", "0.0.0.0"] : [configuration.host]
        var listeners: [Listener] = []
        var failure: SocketError?
        // A dual-stack listener also takes IPv4; the second host is for kernels without IPv6.
        for host in hosts where !isAny || listeners.isEmpty {
            do throws(SocketError) {
                let port = UInt16(configuration.port)
                for address in try SocketAddress.resolve(host: host, port: port) {
                    // All addresses of a name share the port that the first one got.
                    let address = address.with(port: listeners.first?.port ?? port)
                    do throws(SocketError) {
                        listeners.append(try Listener(address: address, poller: poller))
                    } catch {
                        failure = failure ?? error
                    }
                }
            } catch {
                failure = failure ?? error
            }
        }
        if let failure, listeners.isEmpty || failure.isAddressInUse {
            for listener in listeners { listener.close() }
            throw .cannotListen(
                host: configuration.host, port: configuration.port, reason: failure.description)
        }
        return listeners
    }

    private func acceptConnections(of listener: Listener) async {
        while !isShuttingDown {
            do throws(SocketError) {
                switch try await listener.accept() {
                case .accepted(let socket, let address): admit(socket, address)
                case .exhausted: await pauseAccepting()
                }
            } catch .closed {
                return
            } catch {
                await pauseAccepting()
            }
        }
    }

    /// Waits for descriptors or memory; nothing tells when there are some again.
    private func pauseAccepting() async { try? await Task.sleep(for: .milliseconds(50)) }

    private func admit(_ socket: Socket, _ remoteAddress: String) {
        let connection = HTTPConnection(
            socket: socket, remoteAddress: remoteAddress, service: service)
        guard !isShuttingDown else { return socket.close() }
        guard connections.count < service.configuration.maxConnections else {
            return refuse(connection, socket)
        }
        let id = nextConnectionID
        nextConnectionID += 1
        connections[id] = connection
        // Detached: connections run beside each other, not on this actor.
        Task.detached {
            await connection.run()
            await self.release(id)
        }
    }

    private func refuse(_ connection: HTTPConnection, _ socket: Socket) {
        guard refusalCount < Self.maxRefusalCount else { return socket.close() }
        refusalCount += 1
        Task.detached {
            await connection.refuse(.serviceUnavailable, "too many connections")
            await self.endRefusal()
        }
    }

    private func endRefusal() { refusalCount -= 1 }

    private func release(_ id: Int) {
        connections[id] = nil
        if connections.isEmpty { resumeIdleWaiters() }
    }

    private func waitUntilIdle(_ timeout: Duration) async {
        guard !connections.isEmpty else { return }
        let timer = Task {
            try await Task.sleep(for: timeout)
            self.resumeIdleWaiters()
        }
        await withCheckedContinuation { idleWaiters.append($0) }
        timer.cancel()
    }

    private func resumeIdleWaiters() {
        let waiters = idleWaiters
        idleWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
