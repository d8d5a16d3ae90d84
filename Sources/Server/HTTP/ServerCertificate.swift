// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What new connections are encrypted with, if they are.
final class ServerCertificate: Sendable {
    private let files: TLSFiles
    private let context = Mutex<TLSContext?>(nil)

    /// A certificate that is not read yet.
    init(_ files: TLSFiles) { self.files = files }

    /// What new connections begin with; nil for plain HTTP.
    var current: TLSContext? { context.withLock { $0 } }

    /// Reads the files, also once more.
    ///
    /// - Returns: how many days the certificate is still valid; nil for plain HTTP.
    /// - Throws: ``HTTPServerError``; what was read before stays in use.
    func read() throws(HTTPServerError) -> Int? {
        guard files.isWanted else { return nil }
        let new = try TLSContext(files)
        context.withLock { $0 = new }
        return new.daysLeft
    }
}
