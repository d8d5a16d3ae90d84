// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How each event of a log is written as a line.
package enum LogFormat: String, CaseIterable, Sendable {
    /// For people: time, level, logger, what is known of the event, its message.
    case text

    /// For programs: an object of JSON.
    case json
}

/// What reads the lines of a log.
package struct LogReader: Hashable, Sendable {
    /// Whether it is systemd's journal, which takes the priority of a line from its beginning and
    /// knows the time itself.
    package var isJournal: Bool

    /// Any file, pipe or terminal, or else the journal.
    package init(isJournal: Bool = false) { self.isJournal = isJournal }

    /// What reads a descriptor.
    ///
    /// systemd tells a service by `JOURNAL_STREAM` which descriptor leads to the journal, by its
    /// device and inode; one that has been redirected since is another.
    ///
    /// - Parameters:
    ///   - descriptor: where lines are written.
    ///   - stream: the value of `JOURNAL_STREAM`, if it is set.
    /// - Returns: the journal only where both agree.
    package static func of(_ descriptor: Int32, stream: String?) -> LogReader {
        var status = stat()
        guard let stream, unsafe fstat(descriptor, &status) == 0 else { return LogReader() }
        return LogReader(isJournal: stream == "\(status.st_dev):\(status.st_ino)")
    }
}
