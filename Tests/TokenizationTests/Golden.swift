// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Testing

/// Fixtures of the folder Goldens, and the hash that they use.
enum Golden {
    static func read(_ name: String) throws -> JSONValue {
        let url = try #require(
            Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Goldens"))
        return try JSONParser.parse(Array(try Data(contentsOf: url)))
    }

    static func strings() throws -> [String] {
        try #require(try read("strings").arrayValue).compactMap(\.stringValue)
    }

    /// The hash of one string out of a text of eight digits each.
    static func hashes(_ value: JSONValue?) throws -> [Substring] {
        let text = try #require(value?.stringValue)
        var rest = text[...]
        var result: [Substring] = []
        while !rest.isEmpty {
            result.append(rest.prefix(8))
            rest = rest.dropFirst(8)
        }
        return result
    }

    /// As make-token-goldens.py has it.
    static func fingerprint(_ numbers: some Sequence<some BinaryInteger>) -> String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for number in numbers {
            value = (value ^ UInt64(truncatingIfNeeded: number)) &* 0x0000_0100_0000_01b3
        }
        let digits = String(value >> 32, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
