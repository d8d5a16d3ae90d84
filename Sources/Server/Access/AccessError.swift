// SPDX-License-Identifier: Apache-2.0

/// Why keys cannot be read, written or used; never with a secret in it.
package enum AccessError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no libcrypto.
    case missingLibrary

    /// A file cannot be read or written.
    case file(path: String, reason: String)

    /// Others than its owner may read or write a file.
    case exposed(path: String, mode: Int)

    /// A file does not say what it must.
    case invalid(path: String, place: String, expected: String, found: String)

    /// There is no such key.
    case unknownKey(String)

    /// There is one already.
    case knownKey(String)

    /// A name, a limit or a time that cannot be.
    case wrong(what: String, expected: String, found: String)

    /// One line for the operator.
    package var description: String {
        switch self {
        case .missingLibrary:
            "libcrypto.so.3 is not installed, without which there are no keys: install libssl3"
        case .file(let path, let reason): "\(path): \(reason)"
        case .exposed(let path, let mode):
            "\(path): others may use this file (mode \(String(mode, radix: 8))); "
                + "chmod 600 it, and chown it to the server's user"
        case .invalid(let path, let place, let expected, let found):
            "\(path): \(place.isEmpty ? "" : place + ": ")expected \(expected), found \(found)"
        case .unknownKey(let name): "there is no key '\(name)'; `cierzo keys list` shows all"
        case .knownKey(let name): "there is a key '\(name)' already"
        case .wrong(let what, let expected, let found):
            "\(what): expected \(expected), found '\(found)'"
        }
    }
}
