// SPDX-License-Identifier: Apache-2.0

internal import CTransfer
import Foundation

/// What takes an answer as it comes.
protocol AnswerReceiver: AnyObject {
    /// The answer is one of success.
    func begin(_ head: AnswerHead) throws(DownloadError)
    /// Bytes of its body.
    func take(_ bytes: RawSpan) throws(DownloadError)
}

/// The head of an answer.
struct AnswerHead {
    var status = 0
    /// By names in lower case; of those that come twice the last.
    var fields: [String: String] = [:]

    /// The longest head that is taken.
    static let maxByteCount = 1 << 16
}

/// Asks servers for what is at an address, one request at a time, following redirections.
///
/// A token goes to one origin and to nobody else, wherever that redirects to.
package final class HTTPSClient {
    /// What an operator may say about it.
    package struct Configuration: Sendable {
        /// For the origin of the mirror alone; never shown.
        package var token: String?
        /// A file of certificates to trust in place of the system's.
        package var authorities: String?
        /// How this program calls itself.
        package var userAgent = "cierzo"
        /// Seconds that a connection may take, and that may pass without data.
        package var connectSeconds = 30
        package var stalledSeconds = 60

        /// What there is without an operator's word.
        package init() {}
    }

    private static let maxRedirections = 10

    private let configuration: Configuration
    private let tokenOrigin: String
    private let session: Session

    /// A client that has asked nothing yet.
    ///
    /// - Parameters:
    ///   - configuration: see there.
    ///   - origin: the address whose origin gets the token.
    /// - Throws: where the token cannot be one, or libcurl is missing.
    package init(_ configuration: Configuration, tokenFor origin: WebAddress) throws(DownloadError)
    {
        if let token = configuration.token {
            let isPrintable = token.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            guard isPrintable, (1...4096).contains(token.utf8.count) else {
                throw .invalid(what: "HF_TOKEN", expected: "printable characters without spaces")
            }
        }
        self.configuration = configuration
        tokenOrigin = origin.origin
        session = try Session()
    }

    /// Does a GET.
    ///
    /// - Parameters:
    ///   - address: of what is wanted.
    ///   - fields: further lines of the request's head.
    ///   - receiver: takes the answer, unless it is none of success.
    /// - Throws: what the server, the connection or the receiver has against it.
    func get(
        _ address: WebAddress, _ fields: [String] = [], into receiver: some AnswerReceiver
    ) throws(DownloadError) {
        var here = address
        for _ in 0...Self.maxRedirections {
            var lines = fields
            if let token = configuration.token, here.origin == tokenOrigin {
                lines.append("Authorization: Bearer \(token)")
            }
            let exchange = Exchange(receiver)
            let outcome = session.get(here.text, lines, configuration, exchange)
            if let failure = exchange.failure { throw failure }
            switch outcome.kind {
            case CT_DONE: break
            case CT_STOPPED where !exchange.isSuccess: break
            case CT_BROKEN: throw .broken(address: here.description, reason: outcome.reason)
            case CT_UNTRUSTED:
                throw .refused(
                    address: here.description,
                    reason: "its certificate is not trusted (\(outcome.reason)); for a mirror with "
                        + "an authority of its own give --ca-certificate")
            case CT_NO_LIBRARY: throw Session.missing
            default: throw .unusable(address: here.description, reason: outcome.reason)
            }
            let head = exchange.head
            if (200..<300).contains(head.status) { return }
            guard [301, 302, 303, 307, 308].contains(head.status) else {
                throw refusal(head, here)
            }
            // libcurl has resolved it against the address of the answer.
            guard let next = session.redirection.flatMap({ WebAddress($0) }) else {
                throw .unusable(
                    address: here.description,
                    reason: "it redirects to what is no address of HTTPS")
            }
            here = next
        }
        throw .unusable(
            address: address.description, reason: "more than \(Self.maxRedirections) redirections")
    }

    /// What an answer that is none of success means.
    private func refusal(_ head: AnswerHead, _ address: WebAddress) -> DownloadError {
        let words = head.fields["x-error-message"].map { ": " + String($0.prefix(200)) } ?? ""
        let place = address.description
        let hasToken = configuration.token != nil && address.origin == tokenOrigin
        let advice =
            hasToken
            ? "the token of HF_TOKEN does not open it"
            : "it needs a token: set HF_TOKEN (huggingface.co/settings/tokens)"
        switch (head.status, head.fields["x-error-code"]) {
        case (_, "GatedRepo"):
            return .refused(
                address: place,
                reason: "the model is gated\(words); accept its terms on its page, and set HF_TOKEN"
            )
        case (401, _):
            return .refused(
                address: place, reason: "401\(words); \(advice), or there is no such model")
        case (403, _): return .refused(address: place, reason: "403\(words); \(advice)")
        case (404, "RevisionNotFound"):
            return .refused(address: place, reason: "404: the model has no such --revision\(words)")
        case (404, _):
            return .refused(
                address: place,
                reason: "404\(words); look at the spelling of the name, as OWNER/NAME")
        case (429, _): return .limited(address: place, seconds: head.retrySeconds)
        case (500..., _): return .broken(address: place, reason: "status \(head.status)\(words)")
        default: return .refused(address: place, reason: "status \(head.status)\(words)")
        }
    }
}

extension AnswerHead {
    /// After how many seconds the server wants to be asked again, if it says so.
    var retrySeconds: Int? {
        if let seconds = fields["retry-after"].flatMap({ Int($0) }), seconds >= 0 { return seconds }
        // The hub's own: `"api";r=0;t=55`.
        let reset = fields["ratelimit"]?.split(separator: ";").first {
            $0.trimmingCharacters(in: .whitespaces).hasPrefix("t=")
        }
        return reset.flatMap { Int($0.trimmingCharacters(in: .whitespaces).dropFirst(2)) }
    }
}

/// One request and what has come of its answer.
private final class Exchange {
    private let receiver: any AnswerReceiver
    private(set) var head = AnswerHead()
    private(set) var failure: DownloadError?
    private var headByteCount = 0
    private var ignoredByteCount = 0

    init(_ receiver: any AnswerReceiver) { self.receiver = receiver }

    var isSuccess: Bool { (200..<300).contains(head.status) }

    /// Takes a line of a head.
    ///
    /// - Returns: whether to go on.
    func takeLine(_ bytes: [UInt8]) -> Bool {
        headByteCount += bytes.count
        guard headByteCount <= AnswerHead.maxByteCount else {
            return fail(.unusable(address: "the answer", reason: "its head is too long"))
        }
        let line = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
        if line.hasPrefix("HTTP/") {
            // Each answer has its own head, those before the last (100, 103) among them.
            head = AnswerHead()
            let words = line.split(separator: " ")
            head.status = words.count > 1 ? Int(words[1]) ?? 0 : 0
        } else if let colon = line.firstIndex(of: ":") {
            head.fields[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        } else if line.isEmpty, isSuccess {
            do throws(DownloadError) {
                try receiver.begin(head)
            } catch {
                return fail(error)
            }
        }
        return true
    }

    /// Takes a piece of a body.
    ///
    /// - Returns: whether to go on.
    func takeBody(_ bytes: RawSpan) -> Bool {
        guard isSuccess else {
            // Nobody reads what an error says at length, but a short body keeps the connection.
            ignoredByteCount += bytes.byteCount
            return ignoredByteCount <= 1 << 16
        }
        do throws(DownloadError) {
            try receiver.take(bytes)
            return true
        } catch {
            return fail(error)
        }
    }

    private func fail(_ error: DownloadError) -> Bool {
        failure = error
        return false
    }
}

/// libcurl's side of a client.
@safe private final class Session {
    static let missing = DownloadError.missingLibrary(name: "libcurl.so.4", package: "libcurl4")

    private let session: OpaquePointer

    init() throws(DownloadError) {
        guard let session = unsafe ct_session_open() else { throw Self.missing }
        unsafe self.session = session
    }

    deinit { unsafe ct_session_close(session) }

    /// Where the last answer redirects to.
    var redirection: String? {
        guard let text = unsafe ct_redirection(session) else { return nil }
        return unsafe String(cString: text)
    }

    func get(
        _ address: String, _ lines: [String], _ configuration: HTTPSClient.Configuration,
        _ exchange: Exchange
    ) -> (kind: ct_outcome, reason: String) {
        // Copies that live as long as the call.
        let copies = unsafe ([address, configuration.userAgent] + lines).map { text in
            unsafe strdup(text)
        }
        let authorities = unsafe configuration.authorities.flatMap { text in
            unsafe strdup(text)
        }
        defer {
            unsafe copies.forEach { copy in unsafe free(copy) }
            unsafe free(authorities)
        }
        let pointers = unsafe copies.dropFirst(2).map { copy in unsafe UnsafePointer(copy) }
        var reason = [CChar](repeating: 0, count: 256)
        var status = 0
        let kind = unsafe pointers.withUnsafeBufferPointer { headers in
            var request = unsafe ct_request()
            unsafe request.url = UnsafePointer(copies[0])
            unsafe request.user_agent = UnsafePointer(copies[1])
            unsafe request.headers = headers.baseAddress
            unsafe request.header_count = headers.count
            unsafe request.authorities = UnsafePointer(authorities)
            unsafe request.connect_seconds = configuration.connectSeconds
            unsafe request.stalled_seconds = configuration.stalledSeconds
            unsafe request.context = Unmanaged.passUnretained(exchange).toOpaque()
            unsafe request.on_header = { context, bytes, count in
                guard let context = unsafe context, let bytes = unsafe bytes else { return 1 }
                let line = unsafe Array(UnsafeRawBufferPointer(start: bytes, count: count))
                return unsafe Session.exchange(context).takeLine(line) ? 0 : 1
            }
            unsafe request.on_body = { context, bytes, count in
                guard let context = unsafe context, let bytes = unsafe bytes else { return 1 }
                let span = unsafe UnsafeRawBufferPointer(start: bytes, count: count).bytes
                return unsafe Session.exchange(context).takeBody(span) ? 0 : 1
            }
            return withExtendedLifetime(exchange) {
                unsafe ct_ask(session, &request, &status, &reason)
            }
        }
        let text = String(
            decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return (kind, text)
    }

    private static func exchange(_ context: UnsafeMutableRawPointer) -> Exchange {
        unsafe Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
    }
}

/// Keeps a body that is not too long.
final class BodyCollector: AnswerReceiver {
    private(set) var head = AnswerHead()
    private(set) var bytes: [UInt8] = []
    private let limit: Int
    private let address: WebAddress

    init(of address: WebAddress, limit: Int) {
        self.address = address
        self.limit = limit
    }

    func begin(_ head: AnswerHead) {
        self.head = head
        bytes = []
    }

    func take(_ more: RawSpan) throws(DownloadError) {
        guard bytes.count + more.byteCount <= limit else {
            throw .unusable(
                address: address.description, reason: "the answer is longer than \(limit) bytes")
        }
        unsafe more.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
}
