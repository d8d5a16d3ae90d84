// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// An HTTP/1.1 server: one task per connection, one thread that waits for all sockets.
package actor HTTPServer {
    /// Answers a request; its task is cancelled when the client leaves.
    package typealias Handler = @Sendable (ServerRequest) async -> ServerResponse
    /// Shapes the server's own errors, so that every client can be spoken to in its dialect.
    ///
    /// The request is as much of a header as was read; nil where not even its first line was.
    package typealias ErrorResponse =
        @Sendable (HTTPResponse.Status, String, HTTPRequest?) -> ServerResponse
    /// Looks at a request before its body is read: nil lets it pass, a response refuses it.
    package typealias Admission = @Sendable (ArrivingRequest) -> ServerResponse?
    /// Says where the body of an admitted request goes.
    package typealias Intake = @Sendable (ArrivingRequest) async -> BodyIntake

    /// How long cancelled handlers have to end, and then their connections to close.
    private static let farewell = Duration.seconds(1)
    /// How long idle connections may bring a last request once no new ones are accepted.
    package static let lastChance = Duration.seconds(1)
    /// So many connections are accepted before others have their turn on the threads.
    private static let acceptedPerTurn = 8

    private let service: HTTPConnection.Service
    private var limits: ConnectionLimits
    private var poller: Poller?
    private var listeners: [Listener] = []
    private var connections = ConnectionTable()
    /// Those beyond the limit, who may ask for health.
    private var guests = ConnectionTable()
    private var nextConnectionID = 0
    /// Whether new connections are taken.
    package private(set) var isAccepting = false
    private var hasStoppedAccepting = false
    private var isShuttingDown = false
    private var roomWaiters: [CheckedContinuation<Void, Never>] = []
    private var idleWaiters: [CheckedContinuation<Void, Never>] = []

    /// A server that does not listen yet.
    package init(
        configuration: Configuration,
        errorResponse: @escaping ErrorResponse = { status, reason, _ in .text(status, reason) },
        admission: Admission? = nil, intake: @escaping Intake = { _ in .memory },
        handler: @escaping Handler
    ) {
        let admission =
            admission ?? { arrival in
                guard arrival.isOverLimit else { return nil }
                return errorResponse(.serviceUnavailable, "too many connections", arrival.head)
            }
        limits = ConnectionLimits(configured: configuration.maxConnections, descriptors: .max)
        service = HTTPConnection.Service(
            configuration: configuration, handler: handler, admission: admission,
            intake: intake, errorResponse: errorResponse,
            bodyBudget: BodyBudget(
                byteCount: configuration.bodyMemoryByteCount, connectionCount: limits.served),
            certificate: ServerCertificate(configuration.tls),
            compression: ResponseCompression(ofStreams: configuration.compressesStreams))
    }

    /// How many connections are open.
    package var connectionCount: Int { connections.count }

    /// How many connections are served at once: fewer than configured where the process may not
    /// have as many descriptors; known after ``start()``.
    package var maxConnectionCount: Int { limits.served }

    /// Listens and serves until ``shutdown(grace:)``.
    ///
    /// - Parameter accepts: whether clients are served at once, or wait in the kernel until
    ///   ``beginAccepting()``.
    /// - Returns: the port, which matters if the configuration left the choice to the kernel.
    /// - Throws: ``HTTPServerError``.
    package func start(accepts: Bool = true) async throws -> Int {
        guard poller == nil else { throw HTTPServerError.alreadyStarted }
        let configuration = try service.configuration.validated()
        _ = try reloadCertificate()
        limits = ConnectionLimits(
            configured: configuration.maxConnections,
            perAddress: configuration.maxConnectionsPerAddress,
            descriptors: DescriptorLimit.raise())
        // The runtime opens the descriptors of its timers at the first sleep, and aborts if none
        // are left. Sleeping here makes it open them while there are enough.
        try? await Task.sleep(for: .nanoseconds(1))
        let poller = try Poller()
        do {
            listeners = try Self.listen(configuration, poller)
        } catch {
            poller.stop()
            throw error
        }
        self.poller = poller
        if accepts { beginAccepting() }
        return listeners.first.map { Int($0.port) } ?? configuration.port
    }

    /// Reads the certificate, its key and the authorities of clients, also once more: new connections
    /// get them, and those that there are go on as they began.
    ///
    /// - Returns: how many days the certificate is still valid; nil for plain HTTP.
    /// - Throws: ``HTTPServerError`` for files that are not good; those from before stay in use.
    package nonisolated func reloadCertificate() throws(HTTPServerError) -> Int? {
        try service.certificate.read()
    }

    /// How many days the certificate in use is still valid; nil for plain HTTP.
    package nonisolated var certificateDaysLeft: Int? { service.certificate.current?.daysLeft }

    /// Where the server listens, as a URL has it or `unix:` and a path; known after ``start()``.
    package var addresses: [String] { listeners.map(\.address.name) }

    /// Accepts nobody any more, and answers whoever is connected.
    ///
    /// Every answer is the last one of its connection. An idle connection is not closed at once, for
    /// a request may be on its way on it, which its client could not send again.
    ///
    /// - Parameters:
    ///   - grace: how long requests may go on; those that are not answered by then stay.
    ///   - lastChance: how long requests may be on their way.
    package func finish(
        within grace: Duration, lastChance: Duration = HTTPServer.lastChance
    ) async {
        guard !isShuttingDown else { return }
        stopAccepting()
        for connection in allConnections { connection.noteLastRequest() }
        let patience = min(grace, lastChance)
        await waitUntilIdle(patience)
        for connection in allConnections { connection.drain() }
        await waitUntilIdle(grace - patience)
    }

    /// Stops serving, politely.
    ///
    /// Stops accepting, closes idle connections, lets the requests being served end within
    /// `grace`, then cancels their handlers, and at last breaks off what is left.
    package func shutdown(grace: Duration) async {
        guard !isShuttingDown else { return await waitUntilIdle(grace) }
        isShuttingDown = true
        stopAccepting()
        for connection in allConnections { connection.drain() }
        await waitUntilIdle(grace)
        for connection in allConnections { connection.cancel() }
        await waitUntilIdle(Self.farewell)
        for connection in allConnections { connection.breakOff() }
        await waitUntilIdle(Self.farewell)
        poller?.stop()
    }

    /// Serves clients, first those that have waited in the kernel.
    package func beginAccepting() {
        guard !isAccepting, !hasStoppedAccepting else { return }
        isAccepting = true
        for listener in listeners {
            Task { await self.acceptConnections(of: listener) }
        }
    }

    private func stopAccepting() {
        (isAccepting, hasStoppedAccepting) = (false, true)
        for listener in listeners { listener.close() }
        resumeRoomWaiters()
    }

    private static func listen(
        _ configuration: Configuration, _ poller: Poller
    ) throws(HTTPServerError) -> [Listener] {
        let path = ListeningHost(configuration.host).socketPath
        guard path != nil || !configuration.inherited.isEmpty else {
            return try listenOnTCP(configuration, poller)
        }
        var listeners: [Listener] = []
        do throws(SocketError) {
            for socket in configuration.inherited {
                listeners.append(try Listener(socket, poller: poller))
            }
            if let path, listeners.isEmpty {
                let access = configuration.socketAccess
                listeners.append(try Listener(path: path, access: access, poller: poller))
            }
            return listeners
        } catch {
            for listener in listeners { listener.close() }
            throw .cannotListen(
                host: configuration.inherited.first?.address.name ?? configuration.host, port: 0,
                reason: error.description)
        }
    }

    private static func listenOnTCP(
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
        var acceptedCount = 0
        while isAccepting {
            // Whoever is not accepted yet waits in the kernel, at no cost to us.
            if openCount >= limits.open {
                await withCheckedContinuation { roomWaiters.append($0) }
                continue
            }
            do throws(SocketError) {
                switch try await listener.accept() {
                case .accepted(let socket, let address):
                    while !admit(socket, address) {
                        await withCheckedContinuation { roomWaiters.append($0) }
                    }
                    acceptedCount += 1
                    // A crowd that comes at once does not keep those from being read that have come.
                    if acceptedCount % Self.acceptedPerTurn == 0 { await Task.yield() }
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

    private var openCount: Int { connections.count + guests.count }

    private var allConnections: [HTTPConnection] {
        [connections, guests].flatMap(\.connections)
    }

    /// Serves a connection, or takes it as a guest.
    ///
    /// An address with more connections than it may have is a guest, too, and then is closed: it is
    /// the only one that could gain from an answer.
    ///
    /// - Returns: false if there was room for neither. There soon will be: guests have short
    ///   timeouts.
    private func admit(_ socket: Socket, _ remoteAddress: String) -> Bool {
        guard !isShuttingDown else {
            socket.close()
            return true
        }
        let network = ClientNetwork(of: remoteAddress)
        let isWithinShare =
            network.isLocal && !service.configuration.limitsLocalAddresses
            || connections.activeCount(of: network) < limits.servedPerAddress
            || connections.makeRoom(of: network)
        guard
            isWithinShare || guests.activeCount(of: network) < limits.guestsPerAddress
                || guests.makeRoom(of: network)
        else {
            socket.close()
            return true
        }
        let isServed =
            isWithinShare
            && (connections.activeCount < limits.served || connections.makeRoom())
        guard isServed || guests.activeCount < limits.guests || guests.makeRoom() else {
            return false
        }
        let connection = HTTPConnection(
            socket: socket, remoteAddress: remoteAddress, service: service, isGuest: !isServed)
        let id = nextConnectionID
        nextConnectionID += 1
        if isServed { connections.add(connection, id) } else { guests.add(connection, id) }
        // Detached: connections run beside each other, not on this actor.
        // It was accepted while the listener was being closed.
        if !isAccepting { connection.noteLastRequest() }
        Task.detached {
            await connection.run()
            await self.release(id)
        }
        return true
    }

    private func release(_ id: Int) {
        connections.remove(id)
        guests.remove(id)
        resumeRoomWaiters()
        if openCount == 0 { resumeIdleWaiters() }
    }

    private func resumeRoomWaiters() {
        let waiters = roomWaiters
        roomWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    private func waitUntilIdle(_ timeout: Duration) async {
        guard openCount > 0 else { return }
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

extension HTTPServer {
    /// How long the server waits for a client.
    package struct Timeouts: Sendable, Equatable {
        /// From the first byte of a request to the end of its header.
        package var header: Duration
        /// For the body, and for each stall of it; see ``BodyClock``.
        package var body: Duration
        /// The rate at which a body may take as long as it needs.
        package var minBodyBytesPerSecond: Int
        /// Without any byte of a first or further request.
        package var idle: Duration
        /// For the client to take a response, and for each stall of it; see ``ReaderClock``.
        package var write: Duration
        /// For the client to close its side of a connection that we have closed.
        package var linger: Duration

        /// Timeouts for clients anywhere, none of whom can hold a connection for free.
        package init(
            header: Duration = .seconds(10), body: Duration = .seconds(60),
            minBodyBytesPerSecond: Int = 4_096, idle: Duration = .seconds(75),
            write: Duration = .seconds(30), linger: Duration = .seconds(2)
        ) {
            self.header = header
            self.body = body
            self.minBodyBytesPerSecond = minBodyBytesPerSecond
            self.idle = idle
            self.write = write
            self.linger = linger
        }
    }

    /// Where the server listens and what it takes.
    package struct Configuration: Sendable {
        /// A name or numeric address; `*` is every address, IPv6 and IPv4; `unix:` and a path is a
        /// Unix socket.
        package var host: String
        /// The port, 0 to let the kernel choose.
        package var port: Int
        /// Who may connect where ``host`` is the path of a Unix socket.
        package var socketAccess = SocketAccess.group
        /// The listening sockets that the process was started with, in place of host and port.
        package var inherited: [InheritedSocket] = []
        /// The certificate of an encrypted server; none for plain HTTP.
        package var tls = TLSFiles()
        /// How large a request may be.
        package var limits: RequestParser.Limits
        /// How long a client may take.
        package var timeouts: Timeouts
        /// Connections served at once; beyond them idle ones give way, or new ones are told 503.
        ///
        /// Nil for as many as ``ConnectionLimits`` gives to a process with so many descriptors.
        package var maxConnections: Int?
        /// Connections of one address served at once; nil for half of all.
        package var maxConnectionsPerAddress: Int?
        /// Whether that limit is for this machine's own addresses, too, where a proxy stands for many.
        package var limitsLocalAddresses = false
        /// What all bodies being received or not yet read by their handlers may take together; nil
        /// for as much as 16 of the largest bodies take.
        package var maxBodyMemoryBytes: Int?
        /// Whether answers that are produced while they are sent are compressed, too, for who accepts it.
        package var compressesStreams = false
        /// The `Server` field, without a version; nil for none.
        package let serverName: String?

        /// A configuration, yet to be ``validated()``.
        package init(
            host: String = "127.0.0.1", port: Int = 8_080, limits: RequestParser.Limits = .init(),
            timeouts: Timeouts = .init(), maxConnections: Int? = nil,
            maxBodyMemoryBytes: Int? = nil, serverName: String? = "cierzo"
        ) {
            self.host = host
            self.port = port
            self.limits = limits
            self.timeouts = timeouts
            self.maxConnections = maxConnections
            self.maxBodyMemoryBytes = maxBodyMemoryBytes
            self.serverName = serverName
        }

        /// Whether only this machine can reach the server.
        package var isLocal: Bool {
            inherited.isEmpty
                ? ListeningHost(host).isLoopback : inherited.allSatisfy(\.isLocal)
        }

        /// What all bodies may take together, in bytes.
        package var bodyMemoryByteCount: Int {
            let (sixteen, overflows) = limits.maxBodyBytes.multipliedReportingOverflow(by: 16)
            return maxBodyMemoryBytes ?? (overflows ? .max : sixteen)
        }

        /// This configuration, if it makes sense.
        ///
        /// - Throws: ``HTTPServerError/invalid(key:reason:)``.
        package func validated() throws(HTTPServerError) -> Configuration {
            guard (0...65_535).contains(port) else {
                throw .invalid(key: "port", reason: "\(port) is not within 0...65535")
            }
            let counts = [
                ("maxConnections", maxConnections ?? 1),
                ("maxRequestLineBytes", limits.maxRequestLineBytes),
                ("maxHeaderBytes", limits.maxHeaderBytes),
                ("maxHeaderCount", limits.maxHeaderCount),
                ("minBodyBytesPerSecond", timeouts.minBodyBytesPerSecond),
                ("maxConnectionsPerAddress", maxConnectionsPerAddress ?? 1),
            ]
            for (key, value) in counts where !(1...(1 << 30)).contains(value) {
                throw .invalid(key: key, reason: "\(value) is not within 1...2^30")
            }
            guard (0...(1 << 40)).contains(limits.maxBodyBytes) else {
                throw .invalid(
                    key: "maxBodyBytes", reason: "\(limits.maxBodyBytes) is not within 0...2^40")
            }
            guard bodyMemoryByteCount >= limits.maxBodyBytes else {
                throw .invalid(
                    key: "maxBodyMemoryBytes",
                    reason: "\(bodyMemoryByteCount) does not hold one body of the largest size, "
                        + "\(limits.maxBodyBytes)")
            }
            let durations = [
                ("header", timeouts.header), ("body", timeouts.body), ("idle", timeouts.idle),
                ("write", timeouts.write), ("linger", timeouts.linger),
            ]
            for (key, value) in durations
            where value <= .zero || value > .seconds(31_536_000) {
                throw .invalid(key: "\(key) timeout", reason: "\(value) is not up to a year")
            }
            return self
        }
    }
}
