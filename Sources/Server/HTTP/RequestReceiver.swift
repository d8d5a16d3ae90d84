// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// Receives the requests of one connection, one after the other.
struct RequestReceiver {
    /// What came of a request.
    enum Received {
        /// It is complete.
        case request(ServerRequest, RequestHead)
        /// It is refused; what is left of a body has not been read.
        case refused(ServerResponse, RequestHead)
    }

    /// How much of a body is read at once.
    private static let maxBodyReadBytes = 64 << 10
    /// How much of a header is.
    private static let maxHeaderReadBytes = 8 << 10
    /// The largest header that a guest may send.
    private static let maxGuestHeaderBytes = 8 << 10

    private let socket: Socket
    private let service: HTTPConnection.Service
    private let remoteAddress: String
    private let isGuest: Bool
    private let timeouts: HTTPServer.Timeouts
    private let phase: ConnectionPhase
    private var parser: RequestParser

    /// A receiver at the start of a connection, which tells the phase what has come.
    init(
        socket: Socket, service: HTTPConnection.Service, remoteAddress: String, isGuest: Bool,
        timeouts: HTTPServer.Timeouts, phase: ConnectionPhase
    ) {
        self.socket = socket
        self.service = service
        self.remoteAddress = remoteAddress
        self.isGuest = isGuest
        self.timeouts = timeouts
        self.phase = phase
        var limits = service.configuration.limits
        if isGuest { limits.maxHeaderBytes = min(limits.maxHeaderBytes, Self.maxGuestHeaderBytes) }
        parser = RequestParser(limits: limits)
    }

    /// Whether some of a further request has been read.
    var hasPendingInput: Bool { parser.hasPendingInput }

    /// As much as has been read of a header that has not ended.
    var unfinishedHead: HTTPRequest? { parser.unfinishedHead }

    /// Receives the next request, or nil when the connection ends between requests.
    ///
    /// Three clocks run, so that no client can hold a connection by sending slowly: one until the
    /// first byte, one from there to the end of the header, one for the body.
    ///
    /// - Throws: ``RequestError`` for what must be answered, ``SocketError`` for what cannot be.
    mutating func next() async throws -> Received? {
        let idleDeadline = ContinuousClock.now + timeouts.idle
        var headerDeadline: ContinuousClock.Instant?
        var reception: Reception?
        phase.becomeSilent()
        while true {
            while let event = try parser.next() {
                switch event {
                case .head(let head):
                    phase.beginRequest(head.request)
                    if let response = refusal(of: head) {
                        // Without a body its end follows at once, and then the next request.
                        if head.framing == .none { _ = try parser.next() }
                        return .refused(response, head)
                    }
                    if isGuest || head.ignoresBody {
                        return .request(
                            ServerRequest(head: head.request, remoteAddress: remoteAddress), head)
                    }
                    var sink: (any BodySink)?
                    switch await intake(of: head) {
                    case .memory: break
                    case .sink(let taken): sink = taken
                    case .refused(let response): return .refused(response, head)
                    }
                    let maxBytes =
                        sink?.maxByteCount ?? service.configuration.limits.maxBodyBytes
                    parser.maxBodyBytes = maxBytes
                    if case .length(let count) = head.framing, count > maxBytes {
                        throw RequestError.bodyTooLarge(maxBytes: maxBytes)
                    }
                    reception = try Reception(
                        head: head, maxBytes: maxBytes, timeouts: timeouts,
                        lease: BodyLease(of: service.bodyBudget), sink: sink)
                    if head.expectsContinue, !parser.hasPendingInput {
                        try await socket.send(
                            ResponseEncoder.continueResponse, stallTimeout: timeouts.write)
                    }
                case .body(let piece):
                    if let response = try await reception?.append(piece),
                        let head = reception?.head
                    {
                        return .refused(HTTPConnection.Service.withRetryAfter(response), head)
                    }
                case .end:
                    return try reception?.finish(remoteAddress: remoteAddress)
                }
            }
            let isIdle = !parser.isWithinRequest
            if !isIdle, headerDeadline == nil {
                headerDeadline = .now + timeouts.header
                phase.beginHeader()
            }
            let deadline =
                reception?.clock.deadline ?? (isIdle ? idleDeadline : headerDeadline)
            do throws(SocketError) {
                let isInHeader = reception == nil
                let bytes = try await socket.receive(
                    maxBytes: isInHeader ? Self.maxHeaderReadBytes : Self.maxBodyReadBytes,
                    until: deadline, isInterruptible: isIdle, wantsLine: isInHeader && !isIdle)
                guard let bytes else { return nil }
                parser.append(bytes)
            } catch {
                switch error {
                case .timedOut where !isIdle:
                    throw RequestError.timedOut(reception == nil ? "its header" : "its body")
                case .timedOut, .interrupted: return nil
                default: throw error
                }
            }
        }
    }

    /// Where the body of a request goes that has been admitted.
    private func intake(of head: RequestHead) async -> BodyIntake {
        guard head.framing != .none else { return .memory }
        let intake = await service.intake(
            ArrivingRequest(head: head.request, remoteAddress: remoteAddress))
        guard case .refused(let response) = intake else { return intake }
        return .refused(HTTPConnection.Service.withRetryAfter(response))
    }

    private func refusal(of head: RequestHead) -> ServerResponse? {
        // Asked of the server itself, not of anything that it has (RFC 9110 §9.3.7).
        if head.request.path == "*" {
            return ServerResponse(head: HTTPResponse(status: .noContent), body: .bytes([]))
        }
        return service.admission(
            ArrivingRequest(
                head: head.request, remoteAddress: remoteAddress, isOverLimit: isGuest)
        ).map(HTTPConnection.Service.withRetryAfter)
    }
}

/// A request whose body is arriving.
private struct Reception {
    let head: RequestHead
    private(set) var clock: BodyClock
    private let lease: BodyLease
    private let sink: (any BodySink)?
    private let inflater: GzipInflater?
    private var receivedCount = 0
    private var body: [UInt8] = []

    /// What a sink and what leads to it hold of a body.
    private static let sinkByteCount = 256 << 10

    init(
        head: RequestHead, maxBytes: Int, timeouts: HTTPServer.Timeouts, lease: BodyLease,
        sink: (any BodySink)?
    ) throws(RequestError) {
        self.head = head
        self.lease = lease
        self.sink = sink
        clock = BodyClock(
            start: .now, patience: timeouts.body,
            minBytesPerSecond: timeouts.minBodyBytesPerSecond)
        inflater = head.contentCodings.isEmpty ? nil : GzipInflater(maxBytes: maxBytes)
        // At most 1 MiB at first: a client can promise a long body and never send it.
        if sink != nil {
            try lease.grow(to: Self.sinkByteCount)
        } else if case .length(let count) = head.framing {
            body.reserveCapacity(min(count, 1 << 20))
        }
    }

    /// Takes a piece of the body.
    ///
    /// - Returns: the answer, where the sink wants no more of it.
    mutating func append(_ piece: [UInt8]) async throws(RequestError) -> ServerResponse? {
        receivedCount += piece.count
        clock.received(piece.count, at: .now)
        if let sink {
            var content = piece
            if let inflater {
                content = []
                try inflater.append(piece, to: &content, willGrow: lease.grow)
            }
            let start = ContinuousClock.now
            defer { clock.leaveOut(.now - start) }
            return content.isEmpty ? nil : await sink.take(content)
        }
        if let inflater {
            try inflater.append(piece, to: &body, willGrow: lease.grow)
        } else {
            try lease.grow(to: body.count + piece.count)
            if case .length(let count) = head.framing, body.count + piece.count > 1 << 20 {
                // Once, and exactly: growing by doubling would take up to twice the body.
                body.reserveCapacity(count)
            }
            body.append(contentsOf: piece)
        }
        return nil
    }

    /// The request, with the fields that spoke of its transfer brought up to date.
    func finish(remoteAddress: String) throws(RequestError) -> RequestReceiver.Received {
        if receivedCount > 0 { try inflater?.finish() }
        var request = head.request
        request.headerFields[.contentEncoding] = nil
        request.headerFields[.transferEncoding] = nil
        if head.framing != .none, sink == nil {
            request.headerFields[.contentLength] = String(body.count)
        }
        return .request(
            ServerRequest(
                head: request, body: body, lease: lease, remoteAddress: remoteAddress, sink: sink),
            head)
    }
}
