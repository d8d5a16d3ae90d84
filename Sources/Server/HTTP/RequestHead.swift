// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// The versions of HTTP/1 that we speak.
package enum HTTPVersion: String, Sendable {
    case http10 = "HTTP/1.0"
    case http11 = "HTTP/1.1"
}

/// A request without its body, and what its fields say about the exchange.
package struct RequestHead: Sendable, Equatable {
    /// How the end of the body is found (RFC 9112 §6.3).
    package enum Framing: Sendable, Equatable {
        case none
        case length(Int)
        case chunked
    }

    /// Method, target and fields; `Host` has become the authority.
    package let request: HTTPRequest
    /// The version of the request line; a later 1.x counts as 1.1.
    package let version: HTTPVersion
    /// How the end of the body is found.
    package let framing: Framing
    /// Whether the client lets the connection serve another request.
    package let keepsAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    package let expectsContinue: Bool
    /// The codings applied to the body, outermost last, without `identity`.
    package let contentCodings: [String]

    /// Whether the request has a body that means nothing (RFC 9110 §9.3.1).
    ///
    /// Such a body is not read: it would take memory from others' requests, and some of these
    /// methods need no API key.
    var ignoresBody: Bool {
        [.get, .head, .options].contains(request.method) && framing != .none
            && framing != .length(0)
    }
}

extension RequestHead {
    /// Reads the meaning of the fields, and refuses what could be understood in two ways.
    ///
    /// - Throws: 400, 415, 417 or 501 (RFC 9112 §3.2, §6.1, §6.3, §9.3; RFC 9110 §8.4, §10.1.1).
    init(
        line: RequestLine, fields: HTTPFields
    ) throws(RequestError) {
        var fields = fields
        let hosts = fields.filter { $0.name.canonicalName == "host" }.map(\.value)
        if line.version == .http11, hosts.count != 1 {
            throw .malformed("HTTP/1.1 wants one Host field, found \(hosts.count)")
        }
        guard hosts.count <= 1 else { throw .malformed("\(hosts.count) Host fields") }
        if let host = hosts.first, !RequestLine.isAuthority(host.utf8) {
            throw .malformed("'Host: \(host)' is not a host")
        }
        fields.removeAll { $0.name.canonicalName == "host" }
        request = HTTPRequest(
            method: line.method, scheme: "http", authority: line.authority ?? hosts.first,
            path: line.path, headerFields: fields)
        version = line.version
        framing = try Self.framing(fields, version: line.version)

        let options = Self.list(fields, .connection)
        keepsAlive =
            !options.contains("close")
            && (line.version == .http11 || options.contains("keep-alive"))
        let expectation = fields[.expect]?.asciiLowercased()
        // RFC 9110 §10.1.1: an expectation in an HTTP/1.0 request is ignored.
        if line.version == .http11, let expectation, expectation != "100-continue" {
            throw .unsupportedExpectation(expectation)
        }
        expectsContinue = line.version == .http11 && expectation != nil && framing != .none
        contentCodings = Self.list(fields, .contentEncoding).filter { $0 != "identity" }
        if let unknown = contentCodings.first(where: { !["gzip", "x-gzip"].contains($0) }) {
            throw .unsupportedCoding(unknown)
        }
        if contentCodings.count > 1 {
            throw .unsupportedCoding(contentCodings.joined(separator: ", "))
        }
    }

    private static func framing(
        _ fields: HTTPFields, version: HTTPVersion
    ) throws(RequestError) -> Framing {
        let lengths = fields[values: .contentLength]
        let transferCodings = fields[values: .transferEncoding]
        if !transferCodings.isEmpty {
            // A proxy in between may find another end of the body, and so take part of it for a
            // request of its own: if it goes by the length, or if it speaks HTTP/1.0 and forwards
            // a coding that it does not know.
            guard lengths.isEmpty else {
                throw .malformed("both Transfer-Encoding and Content-Length")
            }
            guard version == .http11 else {
                throw .malformed("Transfer-Encoding in an HTTP/1.0 request")
            }
            guard transferCodings.count == 1 else {
                throw .malformed("\(transferCodings.count) Transfer-Encoding fields")
            }
            let value = transferCodings[0].asciiLowercased()
            guard value.isASCIIEqual(to: "chunked") else {
                // The value must be `chunked` alone, without even an empty list element, which
                // a proxy may understand differently.
                let chunkedCount = list(fields, .transferEncoding).count { $0 == "chunked" }
                if chunkedCount > 1 { throw .malformed("chunked twice") }
                throw .notImplemented("the transfer coding '\(value)'")
            }
            return .chunked
        }
        guard let text = lengths.first else { return .none }
        guard lengths.count == 1 else {
            throw .malformed("\(lengths.count) Content-Length fields")
        }
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw .malformed("Content-Length '\(text)' is not a number")
        }
        // Beyond Int is beyond every limit.
        return .length(Int(text) ?? .max)
    }

    /// The lower-cased elements of a comma-separated field.
    private static func list(_ fields: HTTPFields, _ name: HTTPField.Name) -> [String] {
        fields[values: name].flatMap { value in
            value.utf8.split { byte in ", \t".utf8.contains(byte) }
                .compactMap { String($0)?.asciiLowercased() }
        }
    }
}
