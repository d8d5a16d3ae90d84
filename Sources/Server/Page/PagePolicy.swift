// SPDX-License-Identifier: Apache-2.0

import HTTP

/// What the page may do in its reader's browser.
///
/// It may load its own files, and ask this server and those that the operator lists; nothing else,
/// whatever an answer has in it.
package struct PagePolicy: Sendable, Equatable {
    /// The servers of tools (MCP over HTTP) that the page may ask, as addresses.
    package let toolServers: [String]

    /// A policy.
    ///
    /// - Parameter toolServers: addresses for which ``isAddress(_:)`` holds.
    package init(toolServers: [String] = []) { self.toolServers = toolServers }

    /// Whether the text is an address of HTTP that can stand in a policy, and be told to readers: what
    /// follows `?` or `#` may be a secret.
    package static func isAddress(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: { text.hasPrefix($0) }) else {
            return false
        }
        let rest = text.dropFirst(scheme.count)
        let host = rest.prefix { $0 != "/" }
        return !host.isEmpty && host != "*" && !host.contains("*")
            && rest.utf8.allSatisfy { byte in
                (0x21...0x7E).contains(byte)
                    && ![0x22, 0x23, 0x27, 0x2C, 0x3B, 0x3F, 0x40].contains(byte)
            }
    }

    /// The fields of each of its files.
    var fields: [(name: String, value: String)] {
        [
            ("content-security-policy", contentPolicy),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ]
    }

    private var contentPolicy: String {
        let origins = toolServers.map { address in
            let host = address.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" }
            return address.prefix { $0 != "/" } + "//" + host
        }
        return [
            "default-src 'none'", "script-src 'self'", "style-src 'self'",
            "img-src 'self' data: blob:", "font-src 'self'",
            "connect-src " + (["'self'"] + origins).joined(separator: " "),
            "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; ")
    }
}
