// SPDX-License-Identifier: Apache-2.0

/// Why a model could not be fetched, in words that say what to do next.
///
/// Addresses in it never have a query: that of a signed address is as good as a key.
package enum DownloadError: Error, Equatable, CustomStringConvertible {
    /// Something that the operator said cannot be: a name, an address, a token.
    case invalid(what: String, expected: String)
    /// The answer is no, and asking again will not change that.
    case refused(address: String, reason: String)
    /// Too many requests for now.
    case limited(address: String, seconds: Int?)
    /// The connection failed, again and again.
    case broken(address: String, reason: String)
    /// What the server says makes no sense, or could do harm.
    case unusable(address: String, reason: String)
    /// All bytes are there, and they are not those that were asked for.
    case damaged(path: String, expected: String, found: String)
    /// The disk will not hold it.
    case noSpace(folder: String, neededByteCount: Int, freeByteCount: Int)
    /// A file cannot be written.
    case unwritable(path: String, reason: String)
    /// Several models, or none, are what was asked for.
    case unclear(reason: String)
    /// A library of the system is missing.
    case missingLibrary(name: String, package: String)

    package var description: String {
        switch self {
        case .invalid(let what, let expected): "\(what): expected \(expected)"
        case .refused(let address, let reason): "\(address): \(reason)"
        case .limited(let address, let seconds):
            "\(address): too many requests (429); try again "
                + (seconds.map { "in \($0) s" } ?? "later")
                + ", or set HF_TOKEN, which raises the limit"
        case .broken(let address, let reason):
            "\(address): \(reason); what has arrived is kept: the same command goes on from there"
        case .unusable(let address, let reason): "\(address): \(reason)"
        case .damaged(let path, let expected, let found):
            "\(path): the checksum is \(found), not \(expected), so it was removed; run it again, "
                + "and if that does not help, ask whoever runs the mirror"
        case .noSpace(let folder, let needed, let free):
            "\(folder): \(needed >> 20) MiB are needed, but only \(free >> 20) MiB are free"
        case .unwritable(let path, let reason): "\(path): \(reason)"
        case .unclear(let reason): reason
        case .missingLibrary(let name, let package):
            "\(name) is missing: apt-get install \(package)"
        }
    }

    /// What went wrong, without what to do about it.
    var cause: String {
        switch self {
        case .limited(let address, _): "\(address): too many requests (429)"
        case .broken(let address, let reason): "\(address): \(reason)"
        default: description
        }
    }

    /// Whether another attempt may succeed.
    var isTransient: Bool {
        switch self {
        case .broken, .limited: true
        default: false
        }
    }
}
