// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Synchronization

/// Serves the requests of one connection, one after the other, in order.
final class HTTPConnection: Sendable {
    /// What all connections of a server share.
    struct Service: Sendable {
        let configuration: HTTPServer.Configuration
        let handler: HTTPServer.Handler
        let admission: HTTPServer.Admission
        let intake: HTTPServer.Intake
        let errorResponse: HTTPServer.ErrorResponse
        let bodyBudget: BodyBudget
        let certificate: ServerCertificate
        let compression: ResponseCompression
        let date = HTTPDate()

        /// The response, which tells when to come again if it is a 503.
        static func withRetryAfter(_ response: ServerResponse) -> ServerResponse {
            var response = response
            if response.head.status == .serviceUnavailable,
                response.head.headerFields[.retryAfter] == nil
            {
                response.head.headerFields[.retryAfter] = "1"
            }
            return response
        }
    }

    /// How much of a response has been sent, which decides what can be sent ahead of its time.
    private enum Progress {
        /// Nothing, but so many bytes of ``ResponseEncoder/startOfResponse``.
        case nothing(ahead: Int)
        /// Whole chunks, and so many leading zeros of the size of the next.
        case chunks(zeros: Int)
        /// Some of a body that only the end of the connection ends.
        case untilClose
        /// So much that no byte can be sent ahead: all of it, or all but what is being sent.
        case rest
    }

    private struct State {
        var progress = Progress.nothing(ahead: 0)
        var prober: Task<Void, any Error>?
        var isDraining = false
        var isCancelled = false
        var exchange: Task<Bool, any Error>?
    }

    /// The timeout of everything that a guest does.
    private static let guestTimeout = Duration.seconds(2)
    /// When it is found out whether a client that has ended its side is still there.
    private static let probeDelays = [0, 1, 2, 4, 8, 16, 32, 64, 128].map(Duration.seconds)
    private static let maxLeadingZeros = 4
    /// A body up to that long is sent together with its header.
    private static let longestCopiedByteCount = 16 << 10

    let network: ClientNetwork
    private let remoteAddress: String
    private let socket: Socket
    private let service: Service
    /// Whether the connection is beyond those that the server serves.
    ///
    /// It may send one request, whose body is not read, and the admission refuses it unless it
    /// costs next to nothing, such as a question for health.
    private let isGuest: Bool
    private let timeouts: HTTPServer.Timeouts
    private let phase: ConnectionPhase
    private let state = Mutex(State())

    init(socket: Socket, remoteAddress: String, service: Service, isGuest: Bool = false) {
        self.socket = socket
        self.remoteAddress = remoteAddress
        network = ClientNetwork(of: remoteAddress)
        self.service = service
        self.isGuest = isGuest
        phase = ConnectionPhase()
        var timeouts = service.configuration.timeouts
        if isGuest {
            for timeout in [\HTTPServer.Timeouts.header, \.idle, \.write, \.linger] {
                timeouts[keyPath: timeout] = min(timeouts[keyPath: timeout], Self.guestTimeout)
            }
        }
        self.timeouts = timeouts
    }

    /// How dispensable the connection is, or nil while a request is being received or answered.
    var standing: ConnectionPhase.Standing? { phase.standing }

    /// Ends the connection if it is still dispensable; whether it was.
    func giveWay() -> Bool {
        guard let standing else { return false }
        // A request may have arrived that nobody has had the time to read.
        if standing.isSilent, socket.hasUnreadInput { return false }
        socket.shutDown()
        return true
    }

    /// Serves until either side ends the connection, then closes it.
    func run() async {
        var receiver = RequestReceiver(
            socket: socket, service: service, remoteAddress: remoteAddress, isGuest: isGuest,
            timeouts: timeouts, phase: phase)
        do {
            guard try await isSecured() else { return socket.close() }
            while let received = try await receiver.next() {
                let goesOn =
                    switch received {
                    case .request(let request, let head):
                        try await respond(
                            to: request, head, hasPendingInput: receiver.hasPendingInput)
                    case .refused(let response, let head):
                        // What is left of a body would be taken for the next request.
                        try await send(response, encoder(for: head, mayGoOn: head.framing == .none))
                    }
                guard goesOn else {
                    await linger()
                    break
                }
            }
            socket.endSending()
        } catch let error as RequestError {
            await refuse(error, receiver.unfinishedHead)
        } catch {
            // The client is gone or stalled, or a streamed body failed after its head was sent:
            // nobody is left to be told. Closing without the last chunk tells what can be told.
        }
        socket.close()
    }

    /// Agrees with the client on encryption, where the server wants that.
    ///
    /// - Returns: whether requests can follow.
    /// - Throws: ``SocketError``, and ``RequestError`` for a client that speaks plain HTTP.
    private func isSecured() async throws -> Bool {
        guard let context = service.certificate.current else { return true }
        guard let first = try await socket.firstByte(until: .now + timeouts.idle) else {
            return false
        }
        switch first {
        // A handshake (RFC 8446 §5.1), for which the client has as long as for a header.
        case 0x16:
            phase.beginHeader()
            try await socket.encrypt(with: context, until: .now + timeouts.header)
            return true
        case UInt8(ascii: "A")...UInt8(ascii: "Z"):
            throw RequestError.malformed("this port speaks HTTPS only: ask it by https://")
        default: return false
        }
    }

    /// Closes after the next answer.
    func noteLastRequest() { state.withLock { $0.isDraining = true } }

    /// Finishes the request being served, if any, and then closes.
    func drain() {
        noteLastRequest()
        socket.interrupt()
    }

    /// Cancels the handler being run.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            state.exchange?.cancel()
        }
    }

    /// Ends the connection at once.
    func breakOff() {
        cancel()
        socket.shutDown()
    }

    /// Answers with an error of our own and closes.
    ///
    /// - Parameters:
    ///   - error: why.
    ///   - unfinished: what came of a header that has not been read to its end.
    private func refuse(_ error: RequestError, _ unfinished: HTTPRequest?) async {
        let response = Service.withRetryAfter(
            service.errorResponse(
                error.status, error.description, phase.head ?? unfinished))
        let encoder = ResponseEncoder(
            method: nil, version: .http11, keepsAlive: false,
            serverName: service.configuration.serverName)
        do {
            _ = try await send(response, encoder)
            await linger()
        } catch {
            // The client did not wait for its answer.
        }
        socket.close()
    }

    private func linger() async {
        phase.linger()
        await socket.linger(until: .now + timeouts.linger, maxBytes: 64 << 20)
    }

    /// Runs the handler and sends its response; whether the connection may go on.
    private func respond(
        to request: ServerRequest, _ head: RequestHead, hasPendingInput: Bool
    ) async throws -> Bool {
        state.withLock { $0.progress = .nothing(ahead: 0) }
        // A task of its own, so that it can be cancelled while this one goes on.
        let exchange = Task {
            let result = await self.service.compression.applied(
                to: self.service.handler(request), for: head.request.headerFields)
            // A body that was not read would be taken for the next request.
            return try await self.send(
                result.response, self.encoder(for: head, mayGoOn: !head.ignoresBody),
                through: result.deflater)
        }
        state.withLock { state in
            state.exchange = exchange
            if state.isCancelled { exchange.cancel() }
        }
        socket.whenPeerLeaves(
            hasPendingInput: hasPendingInput, probe: { self.probePeer() },
            { exchange.cancel() })
        defer {
            socket.ignorePeerLeaving()
            state.withLock { state in
                state.exchange = nil
                state.prober.take()?.cancel()
            }
        }
        return try await exchange.value
    }

    /// Finds out, until the response is sent, whether a client that sends no more still listens.
    ///
    /// A byte that follows anyway is sent ahead of the others: a client that waits for its answer
    /// cannot tell, and the kernel of one that has left answers with a reset, upon which the socket
    /// cancels the exchange.
    private func probePeer() {
        state.withLock { state in
            guard state.exchange != nil, state.prober == nil else { return }
            state.prober = Task {
                for delay in Self.probeDelays {
                    try await Task.sleep(for: delay)
                    self.sendAhead()
                }
            }
        }
    }

    private func sendAhead() {
        state.withLock { state in
            switch state.progress {
            case .nothing(let ahead) where ahead < ResponseEncoder.startOfResponse.count:
                let byte = ResponseEncoder.startOfResponse[ahead]
                if socket.sendAhead(byte, timeout: timeouts.write) {
                    state.progress = .nothing(ahead: ahead + 1)
                }
            case .chunks(let zeros) where zeros < Self.maxLeadingZeros:
                // RFC 9112 §7.1: a chunk's size may begin with zeros.
                if socket.sendAhead(UInt8(ascii: "0"), timeout: timeouts.write) {
                    state.progress = .chunks(zeros: zeros + 1)
                }
            // Nothing can be sent ahead to find out, so the end of the client's side counts as
            // leaving.
            case .untilClose: state.exchange?.cancel()
            case .nothing, .chunks, .rest: break
            }
        }
    }

    /// How much of a response was sent ahead, at its true beginning.
    private func beginSending() -> Int {
        state.withLock { state in
            defer { state.progress = .rest }
            if case .nothing(let ahead) = state.progress { return ahead }
            return 0
        }
    }

    private func encoder(for head: RequestHead, mayGoOn: Bool = true) -> ResponseEncoder {
        let isDraining = state.withLock { $0.isDraining }
        return ResponseEncoder(
            method: head.request.method, version: head.version,
            keepsAlive: head.keepsAlive && mayGoOn && !isDraining && !isGuest,
            serverName: service.configuration.serverName)
    }

    /// Sends a response; whether the connection may go on.
    private func send(
        _ response: ServerResponse, _ encoder: ResponseEncoder,
        through deflater: ResponseCompression.StreamDeflater? = nil
    ) async throws -> Bool {
        let date = service.date.text(at: Int(Date().timeIntervalSince1970.rounded(.down)))
        switch response.body {
        case .bytes(let body):
            let framing = encoder.framing(of: response.head, byteCount: body.count)
            var bytes = encoder.encode(response.head, byteCount: body.count, date: date)
            // A long body is not copied: many may wait for clients that do not read.
            let isTogether = body.count <= Self.longestCopiedByteCount
            if framing != .none, isTogether { bytes.append(contentsOf: body) }
            bytes.removeFirst(beginSending())
            try await socket.send(bytes, stallTimeout: timeouts.write)
            if framing != .none, !isTogether {
                try await socket.send(body, stallTimeout: timeouts.write)
            }
            return encoder.keepsAlive(after: response.head, framing)
        case .stream(let produce):
            let count = response.streamByteCount
            let framing = encoder.framing(of: response.head, byteCount: count)
            var bytes = encoder.encode(response.head, byteCount: count, date: date)
            bytes.removeFirst(beginSending())
            try await socket.send(bytes, stallTimeout: timeouts.write)
            if framing != .none { try await stream(produce, framing, through: deflater) }
            return encoder.keepsAlive(after: response.head, framing)
        }
    }

    private func stream(
        _ produce: @Sendable (ResponseWriter) async throws -> Void,
        _ framing: ResponseEncoder.Framing,
        through deflater: ResponseCompression.StreamDeflater?
    ) async throws {
        let (socket, timeout) = (socket, timeouts.write)
        let isChunked = framing == .chunked
        @Sendable func encode(_ bytes: [UInt8], isLast: Bool = false) -> [UInt8] {
            let content = deflater?.compressed(bytes, isLast: isLast) ?? bytes
            let framed = isChunked && !content.isEmpty ? ResponseEncoder.chunk(content) : content
            return isChunked && isLast ? framed + ResponseEncoder.lastChunk : framed
        }
        let isOver = Atomic(false)
        let written = Atomic(0)
        let writer = ResponseWriter { bytes in
            // A writer that outlives its closure must not write into the next response.
            guard !isOver.load(ordering: .acquiring) else { throw SocketError.closed }
            let count = written.wrappingAdd(bytes.count, ordering: .relaxed).newValue
            if case .length(let length) = framing, count > length { throw SocketError.closed }
            if isChunked { self.state.withLock { $0.progress = .chunks(zeros: 0) } }
            try await socket.send(stallTimeout: timeout, needsPeer: true) { encode(bytes) }
        }
        defer { isOver.store(true, ordering: .releasing) }
        state.withLock { state in
            state.progress =
                switch framing {
                case .chunked: .chunks(zeros: 0)
                case .untilClose: .untilClose
                case .length, .none: .rest
                }
        }
        do {
            try await produce(writer)
            // Fewer bytes than were promised are not the whole body.
            if case .length(let length) = framing, written.load(ordering: .relaxed) < length {
                throw SocketError.closed
            }
            isOver.store(true, ordering: .releasing)
        } catch {
            // Where closing marks the end of the body, only a reset tells that it is not the end.
            if !isChunked { socket.resetOnClose() }
            throw error
        }
        state.withLock { $0.progress = .rest }
        try await socket.send(stallTimeout: timeout) { encode([], isLast: true) }
    }
}
