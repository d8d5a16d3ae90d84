// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Whose connections are counted together: those of an IPv4 address, or of an IPv6 network of 64 bits,
/// which is the least that one customer gets.
package struct ClientNetwork: Hashable, Sendable {
    /// The address, or the network's part of it; empty for a Unix socket.
    private let bytes: [UInt8]

    /// Whether it is this machine itself, where a proxy may stand for many.
    package let isLocal: Bool

    /// A number that no other network has, as far as chance goes, until the process ends; 0 for this
    /// machine.
    package var number: Int {
        if isLocal { return 0 }
        var hasher = Hasher()
        hasher.combine(bytes)
        // Apart from the numbers of keys, which are below.
        return hasher.finalize() | 1 << 62
    }

    /// The network of a numeric address without its port.
    package init(of address: String) {
        // A zone names one of this machine's interfaces, not the client.
        let numeric = String(address.prefix { $0 != "%" })
        if let bytes = NumericAddress.bytes(numeric, AF_INET) {
            self.bytes = bytes
            isLocal = bytes[0] == 127
        } else if let bytes = NumericAddress.bytes(numeric, AF_INET6) {
            self.bytes = Array(bytes.prefix(8))
            isLocal = ListeningHost.isLoopback(bytes)
        } else {
            bytes = []
            isLocal = true
        }
    }
}

/// Addresses as people write them.
enum NumericAddress {
    /// The bytes of a numeric address: of IPv4 in its usual form of four decimal numbers only.
    static func bytes(_ text: String, _ family: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: family == AF_INET6 ? 16 : 4)
        guard unsafe inet_pton(family, text, &bytes) == 1 else { return nil }
        return bytes
    }
}
