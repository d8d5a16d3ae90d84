// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a list of keys, without any of them: it may end in a log.
package enum APIKeyError: Error, Equatable, CustomStringConvertible {
    /// The key of this number, counted from 1, is empty.
    case empty(number: Int)

    /// It has white space or a control character in it.
    case unsendable(number: Int)

    /// It is the same as an earlier one.
    case repeated(number: Int, first: Int)

    package var description: String {
        switch self {
        case .empty(let number): "key \(number) is empty"
        case .unsendable(let number): "key \(number) has white space or a control character in it"
        case .repeated(let number, let first): "key \(number) is key \(first) again"
        }
    }
}
