// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The host of a configuration: a name or a numeric address, with or without brackets, `*` or
/// nothing for every address, or `unix:` and the path of a Unix socket.
package struct ListeningHost: Sendable, Equatable {
    /// The host without brackets.
    package let name: String
    /// The path of a Unix socket, or its abstract name after an `@`; nil for all else.
    package let socketPath: String?

    /// Reads a host as operators write it.
    package init(_ text: String) {
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]") && text.utf8.count > 2
        name = isBracketed ? String(text.dropFirst().dropLast()) : text
        socketPath = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : nil
    }

    /// Whether only this machine can reach it.
    ///
    /// Of names only `localhost` counts, where it resolves as it should: another one may resolve to
    /// loopback today and to something else at the next start.
    package var isLoopback: Bool {
        if socketPath != nil { return true }
        if ["localhost", "localhost."].contains(name.lowercased()) {
            let addresses = (try? SocketAddress.resolve(host: name, port: 0)) ?? []
            return !addresses.isEmpty && addresses.allSatisfy(\.isLoopback)
        }
        if let bytes = NumericAddress.bytes(name, AF_INET) { return bytes[0] == 127 }
        return NumericAddress.bytes(name, AF_INET6).map(Self.isLoopback) ?? false
    }

    /// The host for a URL on this machine: every address is reached by the one of loopback.
    package var urlHost: String {
        if name.isEmpty || name == "*" { return "127.0.0.1" }
        if socketPath != nil { return "localhost" }
        if let bytes = NumericAddress.bytes(name, AF_INET) {
            return bytes.allSatisfy { $0 == 0 } ? "127.0.0.1" : name
        }
        guard name.contains(":") else { return name }
        if let bytes = NumericAddress.bytes(name, AF_INET6), bytes.allSatisfy({ $0 == 0 }) {
            return "[::1]"
        }
        // A zone is set off by an escaped percent sign (RFC 6874).
        let parts = name.split(separator: "%", maxSplits: 1)
        return "[\(parts.joined(separator: "%25"))]"
    }

    /// Whether the 16 bytes of an IPv6 address are `::1`, or an address 127.x.x.x mapped into IPv6.
    static func isLoopback(_ bytes: [UInt8]) -> Bool {
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 127]
        return bytes == [UInt8](repeating: 0, count: 15) + [1] || bytes.starts(with: mapped)
    }
}

extension SocketAddress {
    /// Whether only this machine can reach it.
    var isLoopback: Bool {
        switch family {
        case AF_INET: bytes.count >= 8 && bytes[4] == 127
        case AF_UNIX: true
        case AF_INET6: bytes.count >= 24 && ListeningHost.isLoopback(Array(bytes[8..<24]))
        default: false
        }
    }
}
