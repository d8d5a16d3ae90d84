// SPDX-License-Identifier: Apache-2.0

/// GPT-2's spelling of bytes as printable characters, in which byte-level vocabularies are written.
///
/// Printable Latin-1 stands for itself; the other 68 bytes, in order, are U+0100 and following.
package enum ByteLevelAlphabet {
    /// The character of each byte.
    package static let characters: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0..<256).map { byte in
            let isPrintable =
                (0x21...0x7E) ~= byte || (0xA1...0xAC) ~= byte || (0xAE...0xFF) ~= byte
            let value: UInt32
            if isPrintable {
                value = UInt32(byte)
            } else {
                value = next
                next += 1
            }
            return Unicode.Scalar(value) ?? "?"
        }
    }()

    /// The byte of each character below U+0144; 0xFFFF for none.
    private static let bytes: [UInt16] = {
        var bytes = [UInt16](repeating: 0xFFFF, count: 0x144)
        for (byte, character) in characters.enumerated() {
            bytes[Int(character.value)] = UInt16(byte)
        }
        return bytes
    }()

    /// The bytes that a token's spelling stands for; nil if it has a character of no byte.
    static func decode(_ spelling: String) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(spelling.utf8.count)
        for scalar in spelling.unicodeScalars {
            guard scalar.value < bytes.count, bytes[Int(scalar.value)] <= 0xFF else { return nil }
            result.append(UInt8(bytes[Int(scalar.value)]))
        }
        return result
    }
}
