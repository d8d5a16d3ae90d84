// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads arrays of token ids.
enum TokenList {
    static func read(_ values: [JSONValue], at path: FieldPath) throws(FieldError) -> [Int32] {
        var tokens: [Int32] = []
        tokens.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            if case .integer(let number) = value, number >= 0, number <= Int(Int32.max) {
                tokens.append(Int32(number))
                continue
            }
            // The path is only made where it is needed: a list may have a million ids.
            tokens.append(
                Int32(
                    try FieldReader.integer(
                        value, at: path.appending(index), in: 0...Int(Int32.max))))
        }
        return tokens
    }
}
