// SPDX-License-Identifier: Apache-2.0

/// Text of the protocol is compared as ASCII alone: Unicode's case mapping would take the Kelvin
/// sign (U+212A) for a `k`, and a `chunked` that other servers do not see is a way past them.
extension StringProtocol {
    /// The text with A to Z in lower case, and everything else as it is.
    package func asciiLowercased() -> String {
        String(decoding: utf8.map(\.asciiLowercased), as: UTF8.self)
    }

    /// Whether the bytes are the same but for the case of A to Z.
    package func isASCIIEqual(to other: String) -> Bool {
        utf8.lazy.map(\.asciiLowercased).elementsEqual(other.utf8.lazy.map(\.asciiLowercased))
    }
}

extension UInt8 {
    fileprivate var asciiLowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
