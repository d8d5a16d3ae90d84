// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The output of a command.
package enum StandardOutput {
    /// Writes a text to stdout, and waits until it is taken.
    ///
    /// - Throws: if nobody reads any more, or it cannot be written.
    package static func write(_ text: String) throws(StandardOutputError) {
        do {
            try Console.write(Array(text.utf8), to: STDOUT_FILENO)
        } catch {
            throw error.code == EPIPE ? .ended : .failed(reason: error.reason)
        }
    }
}

/// Why a command's output could not be written.
package enum StandardOutputError: Error, Equatable, CustomStringConvertible {
    /// The reader has closed its end, as `head` does once it has its lines.
    case ended

    /// The system refuses to write it, such as to a full disk.
    case failed(reason: String)

    /// The exit status that a shell reports for a program that a closed pipe ended, 128 + SIGPIPE.
    package static let endedExitCode: Int32 = 141

    package var description: String {
        switch self {
        case .ended: "stdout: nobody reads it any more"
        case .failed(let reason): "stdout: \(reason)"
        }
    }
}

/// A write that failed.
struct WriteError: Error {
    var code: Int32
    /// The bytes that were written before.
    var writtenCount: Int

    var reason: String {
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}

/// Writes all bytes, waiting for whoever takes them.
func write(_ bytes: [UInt8], to descriptor: Int32) throws(WriteError) {
    var place = 0
    while place < bytes.count {
        let start = place
        let count = unsafe bytes.withUnsafeBytes { source in
            unsafe Glibc.write(
                descriptor, UnsafeRawBufferPointer(rebasing: source[start...]).baseAddress,
                source.count - start)
        }
        if count > 0 {
            place += count
            continue
        }
        switch count == 0 ? EIO : errno {
        case EINTR: continue
        case EAGAIN:
            // Another process that shares the descriptor has made it non-blocking.
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            unsafe poll(&entry, 1, -1)
        case let code: throw WriteError(code: code, writtenCount: place)
        }
    }
}
