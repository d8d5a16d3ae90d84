// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes

/// What web pages may do with the server, and what protects a server without keys from them.
///
/// A page reaches whatever its reader's machine reaches. Without a key, two things tell it from
/// the programs that are meant: the name in `Host`, which a page that has rebound its own name to
/// this machine cannot change, and `Origin`.
package struct BrowserPolicy: Sendable {
    /// Top-level names that nobody can register (RFC 6761, RFC 6762, RFC 8375, ICANN): a stranger's
    /// page cannot have such a name.
    private static let localSuffixes = [".localhost", ".local", ".internal", ".home.arpa"]
    private static let exposedFields =
        "x-request-id, x-api-dialect, x-queue-position, x-estimated-start-ms, "
        + "openai-processing-ms, server-timing, traceparent, retry-after, "
        + "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
        + "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"

    private let origins: [String]
    private let hosts: [String]

    /// A policy.
    ///
    /// - Parameters:
    ///   - allowedOrigins: the pages that may read answers, as in `https://app.example`; `*` is all
    ///     of them, and `*` in place of a port or of all after `://` is any.
    ///   - allowedHosts: names under which the server may be asked, beside local ones; `*` is every
    ///     name, and `*.example` all below one.
    package init(allowedOrigins: [String] = [], allowedHosts: [String] = []) {
        origins = allowedOrigins.map { origin in
            let origin = origin.asciiLowercased()
            return origin.hasSuffix("/") ? String(origin.dropLast()) : origin
        }
        hosts = allowedHosts.map { Self.name(ofAuthority: $0) }
    }

    /// Whether the text can stand among the allowed origins.
    package static func isOrigin(_ text: String) -> Bool {
        if text == "*" || text == "null" { return true }
        guard let scheme = text.range(of: "://"), scheme.lowerBound > text.startIndex else {
            return false
        }
        let rest = text[scheme.upperBound...]
        let host = rest.hasSuffix("/") ? rest.dropLast() : rest
        return !host.isEmpty && !host.contains("/") && !host.contains(" ")
            && (host == "*" || !host.dropLast(host.hasSuffix(":*") ? 1 : 0).contains("*"))
    }

    // MARK: Without a key

    /// Refuses a name that is not this server's.
    ///
    /// A name without a dot is resolved by the reader's own network and search list; no stranger can
    /// register one. An address cannot be rebound, and whoever sends no host is no browser.
    ///
    /// - Throws: 403.
    func checkHost(_ head: HTTPRequest) throws(APIError) {
        let name = Self.name(ofAuthority: head.authority ?? "")
        let isLocal =
            !name.contains(".") || Self.isAddress(name)
            || Self.localSuffixes.contains { name.hasSuffix($0) }
        guard isLocal || hosts.contains(where: { Self.matches(name, $0) }) else {
            throw .forbidden(
                reason: "This server does not answer to the name '\(EchoableText.of(name))'. "
                    + "Without API keys it serves only its addresses and local names, so that no "
                    + "web page can reach it under a name of its own; add the name to allowed-hosts, "
                    + "or set api-keys.")
        }
    }

    /// Refuses a request that a strange page makes a browser send.
    ///
    /// Browsers send every GET and some kinds of POST without asking first; the answer is kept from the
    /// page, but it would have been computed.
    ///
    /// - Parameters:
    ///   - head: the request.
    ///   - takesForm: whether a form is what it must send.
    ///   - asksForWork: whether also a GET does something beside showing what there is.
    /// - Throws: 403, or 415 for a kind that needs no asking.
    func checkOrigin(
        _ head: HTTPRequest, takesForm: Bool, asksForWork: Bool
    ) throws(APIError) {
        guard head.method == .post || asksForWork else { return }
        let origin = head.headerFields[name: "origin"]
        let site = head.headerFields[name: "sec-fetch-site"] ?? ""
        guard origin != nil || site.isASCIIEqual(to: "cross-site") else { return }
        let isOurs = ["same-origin", "none"].contains { site.isASCIIEqual(to: $0) }
        guard isOurs || isAllowed(origin) || Self.isNear(origin, head.authority) else {
            throw .forbidden(
                reason: "Pages of the origin '\(EchoableText.of(origin ?? "unknown"))' may not use "
                    + "this server; add it to allowed-origins.")
        }
        guard head.method == .post else { return }
        let type = head.headerFields[.contentType] ?? ""
        // A form needs no asking either; its origin has been looked at.
        guard takesForm || Self.isJSON(type) else { throw .unsupportedMediaType(found: type) }
    }

    // MARK: CORS

    /// The answer to a browser that asks whether a page may send a request, or nil if it does not
    /// ask or the page may not.
    func preflight(_ head: HTTPRequest, allowedMethods: [String]?) -> HTTPResponse? {
        let fields = head.headerFields
        guard head.method == .options, fields[name: "access-control-request-method"] != nil,
            isAllowed(fields[name: "origin"])
        else { return nil }
        var response = HTTPResponse(status: .noContent)
        response.headerFields[name: "access-control-allow-methods"] =
            (allowedMethods ?? ["GET", "HEAD", "POST", "OPTIONS"]).joined(separator: ", ")
        response.headerFields[name: "access-control-allow-headers"] =
            fields[name: "access-control-request-headers"]
            ?? "authorization, content-type, x-api-key"
        response.headerFields[name: "access-control-max-age"] = "7200"
        if fields[name: "access-control-request-private-network"] == "true" {
            response.headerFields[name: "access-control-allow-private-network"] = "true"
        }
        return response
    }

    /// The fields that let a page read the answer to this request.
    ///
    /// Never `Access-Control-Allow-Credentials`: keys are sent by the page, not by the browser.
    func fields(for head: HTTPRequest) -> [(name: String, value: String)] {
        guard !origins.isEmpty else { return [] }
        let isOpen = origins.contains("*")
        // Also where no page asks: a cache must not give one page what was meant for another.
        var fields = isOpen ? [] : [("vary", "Origin")]
        guard let origin = head.headerFields[name: "origin"], isAllowed(origin) else {
            return fields
        }
        fields.append(("access-control-allow-origin", isOpen ? "*" : origin))
        fields.append(("access-control-expose-headers", Self.exposedFields))
        return fields
    }

    private func isAllowed(_ origin: String?) -> Bool {
        guard let origin = origin?.asciiLowercased() else { return false }
        return origins.contains { pattern in
            if pattern == "*" || pattern == origin { return true }
            if pattern.hasSuffix("://*") { return origin.hasPrefix(pattern.dropLast()) }
            guard pattern.hasSuffix(":*") else { return false }
            let port = origin.dropFirst(pattern.utf8.count - 1)
            return origin == pattern.dropLast(2)
                || origin.hasPrefix(pattern.dropLast()) && !port.isEmpty
                    && port.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
    }

    /// Whether a page comes from this server, or from a program on the same machine as its reader.
    private static func isNear(_ origin: String?, _ authority: String?) -> Bool {
        guard let origin, let scheme = origin.range(of: "://") else { return false }
        let page = String(origin[scheme.upperBound...])
        if let authority, page.isASCIIEqual(to: authority) { return true }
        let name = name(ofAuthority: page)
        return name == "localhost" || name.hasSuffix(".localhost") || name == "[::1]"
            || isAddress(name) && name.hasPrefix("127.")
    }

    /// The lower-cased name or address, without a port or the root's dot.
    private static func name(ofAuthority authority: String) -> String {
        let text = authority.asciiLowercased()
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            let rest = text[text.index(after: end)...]
            return rest.isEmpty || rest.hasPrefix(":") ? String(text[...end]) : text
        }
        let name = text.prefix { $0 != ":" }
        return String(name.hasSuffix(".") && name.contains { $0 != "." } ? name.dropLast() : name)
    }

    /// Whether the name is an IPv6 address in brackets or four numbers.
    private static func isAddress(_ name: String) -> Bool {
        if name.hasPrefix("["), name.hasSuffix("]") { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.utf8.count)
                    && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
    }

    private static func matches(_ name: String, _ pattern: String) -> Bool {
        pattern == "*" || pattern == name
            || pattern.hasPrefix("*.") && name.hasSuffix(pattern.dropFirst())
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let type = contentType.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
        return type.isASCIIEqual(to: "application/json") || type.isASCIIEqual(to: "text/json")
            || type.suffix(5).isASCIIEqual(to: "+json")
    }
}

extension String {
    /// Where the text stands first.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) {
                return start..<index(start, offsetBy: text.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
