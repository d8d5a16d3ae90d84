// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// `method SP request-target SP HTTP-version` (RFC 9112 §3).
struct RequestLine: Equatable {
    let method: HTTPRequest.Method
    /// The authority of an absolute-form target.
    let authority: String?
    /// Path and query, or `*`.
    let path: String
    let version: HTTPVersion

    /// Parses the line without its CRLF.
    ///
    /// - Throws: 400, 501 for `CONNECT`, 505 for another major version.
    init(_ line: ArraySlice<UInt8>) throws(RequestError) {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw .malformed("the request line is not 'METHOD target HTTP/1.1'")
        }
        guard let method = HTTPRequest.Method(String(decoding: parts[0], as: UTF8.self)) else {
            throw .malformed("the method is not a token")
        }
        guard method != .connect else { throw .notImplemented("the method CONNECT") }
        self.method = method
        version = try Self.version(parts[2])
        (authority, path) = try Self.target(parts[1], method: method)
    }

    private static func version(_ text: ArraySlice<UInt8>) throws(RequestError) -> HTTPVersion {
        let digits = text.dropFirst(5)
        guard text.starts(with: "HTTP/".utf8), digits.count == 3,
            let major = digits.first, let minor = digits.last,
            digits.dropFirst().first == UInt8(ascii: "."),
            (0x30...0x39).contains(major), (0x30...0x39).contains(minor)
        else { throw .malformed("the version is not 'HTTP/1.1'") }
        guard major == UInt8(ascii: "1") else {
            throw .unsupportedVersion(String(decoding: text, as: UTF8.self))
        }
        return minor == UInt8(ascii: "0") ? .http10 : .http11
    }

    private static func target(
        _ bytes: ArraySlice<UInt8>, method: HTTPRequest.Method
    ) throws(RequestError) -> (authority: String?, path: String) {
        // A fragment never travels (RFC 9112 §3.2.1); anything outside ASCII must be escaped.
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }) else {
            throw .malformed("the request target has a character that must be escaped")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if bytes.first == UInt8(ascii: "/") { return (nil, text) }
        if text == "*", method == .options { return (nil, text) }
        for scheme in ["http://", "https://"]
        where text.prefix(scheme.utf8.count).isASCIIEqual(to: scheme) {
            let rest = bytes.dropFirst(scheme.utf8.count)
            let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            let authority = rest[..<(end ?? rest.endIndex)]
            guard !authority.isEmpty, isAuthority(authority) else { break }
            let path = String(decoding: rest[(end ?? rest.endIndex)...], as: UTF8.self)
            return (
                String(decoding: authority, as: UTF8.self),
                path.hasPrefix("/") ? path : "/" + path
            )
        }
        throw .malformed("the request target is neither a path nor an http URL")
    }

    /// Whether the bytes look like `uri-host [":" port]`; an empty host is allowed.
    static func isAuthority(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~%!$&'()*+;=:[]".utf8.contains(byte)
            }
        }
    }
}
