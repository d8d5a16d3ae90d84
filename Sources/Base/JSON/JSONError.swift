// SPDX-License-Identifier: Apache-2.0

/// Why bytes are not JSON; offsets count bytes from the start.
package enum JSONError: Error, Equatable, CustomStringConvertible {
    /// Something else stands where the grammar wants `expected`.
    case unexpected(offset: Int, expected: String, found: String)
    /// The number that starts at `offset` is malformed or beyond the range of a double.
    case invalidNumber(offset: Int, reason: String)
    /// An escape or character within a string is not allowed.
    case invalidString(offset: Int, reason: String)
    /// The byte at `offset` does not continue a well-formed UTF-8 sequence.
    case invalidUTF8(offset: Int)
    /// The text goes beyond a limit of ``JSONParser/Limits``.
    case limitExceeded(offset: Int, limit: String, maximum: Int)

    /// Where the error was found, in bytes from the start.
    package var offset: Int {
        switch self {
        case .unexpected(let offset, _, _), .invalidNumber(let offset, _),
            .invalidString(let offset, _), .invalidUTF8(let offset),
            .limitExceeded(let offset, _, _):
            offset
        }
    }

    package var description: String {
        switch self {
        case .unexpected(let offset, let expected, let found):
            "JSON byte \(offset): expected \(expected), found \(found)"
        case .invalidNumber(let offset, let reason):
            "JSON byte \(offset): invalid number, \(reason)"
        case .invalidString(let offset, let reason):
            "JSON byte \(offset): invalid string, \(reason)"
        case .invalidUTF8(let offset):
            "JSON byte \(offset): invalid UTF-8"
        case .limitExceeded(let offset, let limit, let maximum):
            "JSON byte \(offset): more than \(maximum) \(limit)"
        }
    }
}
