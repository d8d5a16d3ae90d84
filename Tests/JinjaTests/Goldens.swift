// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Testing

/// The golden files beside the tests.
enum Goldens {
    /// The JSON of a golden file.
    static func json(_ name: String) throws -> JSONValue {
        let url = try #require(
            Bundle.module.url(forResource: "Goldens/\(name)", withExtension: "json"))
        return try JSONParser.parse([UInt8](Data(contentsOf: url)))
    }

    /// FNV-1a of a text's UTF-8, in 16 hexadecimal digits.
    static func hash(_ text: String) -> String {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The folder that an environment variable names, if it does.
    static func folder(_ variable: String) -> String? {
        ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The text of a file.
    static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    }
}
