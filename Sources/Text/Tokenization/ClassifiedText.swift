// SPDX-License-Identifier: Apache-2.0

/// A text with the class and the place of each of its characters (Unicode scalars).
struct ClassifiedText {
    /// The text as UTF-8.
    let bytes: [UInt8]

    private(set) var classes: [CharacterClass] = []
    private var offsets: [UInt32] = []

    /// The number of characters.
    var count: Int { classes.count }

    /// Classifies a text in one pass.
    ///
    /// - Parameter bytes: valid UTF-8, as that of a `String` always is.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        classes.reserveCapacity(bytes.count)
        offsets.reserveCapacity(bytes.count + 1)
        var index = 0
        while index < bytes.count {
            offsets.append(UInt32(index))
            let (value, length) = Self.scalar(in: bytes, at: index)
            classes.append(Unicode.Scalar(value).map(CharacterClass.of) ?? [])
            index += length
        }
        offsets.append(UInt32(bytes.count))
    }

    private static func scalar(in bytes: [UInt8], at index: Int) -> (UInt32, Int) {
        let lead = UInt32(bytes[index])
        if lead < 0x80 { return (lead, 1) }
        let length = min(lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4, bytes.count - index)
        var value = lead & (0x7F >> UInt32(length))
        for offset in 1..<max(1, length) {
            value = value << 6 | UInt32(bytes[index + offset] & 0x3F)
        }
        return (value, length)
    }

    /// The bytes of a range of characters.
    func byteRange(_ range: Range<Int>) -> Range<Int> {
        Int(offsets[range.lowerBound])..<Int(offsets[range.upperBound])
    }

    /// The Unicode scalar value of the character at an index.
    func scalarValue(_ index: Int) -> UInt32 {
        Self.scalar(in: bytes, at: Int(offsets[index])).0
    }

    /// The character at an index if it is ASCII, else 0xFF; the first byte tells.
    func ascii(_ index: Int) -> UInt8 {
        let byte = bytes[Int(offsets[index])]
        return byte < 0x80 ? byte : 0xFF
    }

    /// Whether the character at an index is the one of these UTF-8 bytes.
    func isCharacter(_ index: Int, _ expected: [UInt8]) -> Bool {
        let range = byteRange(index..<index + 1)
        return range.count == expected.count
            && zip(range, expected).allSatisfy { bytes[$0] == $1 }
    }
}
