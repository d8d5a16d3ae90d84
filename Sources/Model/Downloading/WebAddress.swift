// SPDX-License-Identifier: Apache-2.0

import Foundation

/// An address of HTTPS.
package struct WebAddress: Hashable, Sendable, CustomStringConvertible {
    /// The whole of it; it may hold secrets in its query.
    let text: String
    /// Who is asked: what a token is sent to, and nobody else.
    let origin: String
    /// The address without its query, for people.
    package let description: String

    /// Reads an address.
    ///
    /// - Returns: nil unless it is one of HTTPS, without a user and his password.
    package init?(_ text: String) {
        guard text.utf8.count <= 8192, !text.unicodeScalars.contains(where: { $0.value <= 0x20 }),
            var parts = URLComponents(string: text), parts.scheme?.lowercased() == "https",
            let host = parts.host?.lowercased(), !host.isEmpty, parts.user == nil,
            parts.password == nil
        else { return nil }
        parts.fragment = nil
        guard let whole = parts.string else { return nil }
        self.text = whole
        origin = "https://\(host):\(parts.port ?? 443)"
        parts.query = nil
        description = parts.string ?? origin
    }

    /// The address of something below this one.
    ///
    /// - Parameters:
    ///   - path: names, any characters of which may need to be escaped.
    ///   - query: a query in the form in which it is sent, or nil.
    /// - Returns: nil where that is no address.
    func appending(_ path: [String], query: String? = nil) -> WebAddress? {
        let base = description.hasSuffix("/") ? String(description.dropLast()) : description
        let names = path.map { name in
            name.addingPercentEncoding(withAllowedCharacters: Self.unreserved) ?? name
        }
        return WebAddress(
            ([base] + names).joined(separator: "/") + (query.map { "?\($0)" } ?? ""))
    }

    /// RFC 3986 §2.3.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
}
