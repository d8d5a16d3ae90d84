// SPDX-License-Identifier: Apache-2.0

/// A number that programs have and JSON has not, as many of them write it all the same.
enum UnwritableNumber {
    private static let names = [
        "NaN", "nan", "Infinity", "inf", "-NaN", "-nan", "-Infinity", "-inf",
    ]

    /// The longest name of a field that is looked for.
    private static let longestName = 64

    /// The error that names the field, if such a number is what made a body unreadable.
    ///
    /// - Parameters:
    ///   - bytes: the body.
    ///   - offset: where it stopped being JSON.
    /// - Returns: the error; nil where something else is wrong.
    static func error(in bytes: [UInt8], at offset: Int) -> FieldError? {
        guard bytes.indices.contains(offset) else { return nil }
        // A parser may have taken the sign already.
        let start =
            offset > 0 && bytes[offset - 1] == UInt8(ascii: "-") ? offset - 1 : offset
        guard let name = names.first(where: { bytes[start...].starts(with: $0.utf8) }),
            let key = key(in: bytes[..<start])
        else { return nil }
        return .unwritable(FieldPath(key), number: name)
    }

    /// The name at the end of bytes that end with `"name": `.
    private static func key(in bytes: ArraySlice<UInt8>) -> String? {
        var rest = bytes
        func skipSpace() {
            while let last = rest.last, [0x20, 0x09, 0x0A, 0x0D].contains(last) {
                rest.removeLast()
            }
        }
        skipSpace()
        guard rest.popLast() == UInt8(ascii: ":") else { return nil }
        skipSpace()
        guard rest.popLast() == UInt8(ascii: "\"") else { return nil }
        let end = rest.endIndex
        rest = rest.suffix(longestName)
        guard let quote = rest.lastIndex(of: UInt8(ascii: "\"")) else { return nil }
        return String(validating: bytes[(quote + 1)..<end], as: UTF8.self)
    }
}
