// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import JSON

/// What the handlers know of the request besides its body.
struct RequestContext: Sendable {
    /// The identity for `x-request-id`.
    let id: String

    /// The fields that let a page read the answer.
    let browserFields: [(name: String, value: String)]

    /// The dialect of the answer.
    var dialect: Dialect

    /// Whose key it came with: 0 where no key is needed, else a number of its own.
    var client = 0

    /// What is counted of it.
    let record: RequestRecord

    /// The client's own identity if it is harmless, else a new one.
    static func requestID(_ fields: HTTPFields) -> String {
        if let given = fields[name: "x-request-id"], (1...128).contains(given.utf8.count),
            given.utf8.allSatisfy(isHarmless)
        {
            return given
        }
        return randomHex()
    }

    /// 32 hexadecimal digits.
    static func randomHex() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(generator.next(), radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }

    /// The identity of an answer, as the dialect writes it.
    func answerID(prefix: String) -> String {
        (dialect.prefixesAnswerIDs ? prefix : "") + Self.randomHex()
    }

    private static func isHarmless(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
