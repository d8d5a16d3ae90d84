// SPDX-License-Identifier: Apache-2.0

/// Where in JSON's syntax a text stands that is not within a string or a number.
///
/// Packed into 23 bits: what is expected, how far a word is read, and the white space before.
struct JSONPlace: Hashable {
    /// What may follow.
    enum Expected: UInt32 {
        case value, firstKey, key, colon, firstItem, next
        /// The one space that the fixed style has after a comma or a colon.
        case spaceBeforeKey, spaceBeforeValue
        /// The rest of a word.
        case null, `false`, `true`
    }

    let packed: UInt32

    init(_ expected: Expected) { packed = expected.rawValue }

    init(packed: UInt32) { self.packed = packed }

    /// A word of which the first letters are read.
    init(_ word: Expected, read count: Int) { packed = word.rawValue | UInt32(count) << 4 }

    var expected: Expected { Expected(rawValue: packed & 15) ?? .next }

    /// How many letters of a word are read.
    var readCount: Int { Int(packed >> 4 & 7) }

    /// How many bytes of white space stand before, and how many line breaks among them.
    private var spaceCount: UInt32 { packed >> 7 & 0x1FFF }
    private var breakCount: UInt32 { packed >> 20 & 7 }

    private static let maxBreakCount: UInt32 = 2

    /// The place after a byte of white space; nil where there has been too much of it.
    func afterSpace(isBreak: Bool, depth: Int) -> JSONPlace? {
        let spaces = spaceCount + 1
        let breaks = breakCount + (isBreak ? 1 : 0)
        guard spaces <= min(0x1FFF, 16 + 8 * depth), breaks <= Self.maxBreakCount else {
            return nil
        }
        return JSONPlace(packed: packed & 0x7F | spaces << 7 | breaks << 20)
    }
}
