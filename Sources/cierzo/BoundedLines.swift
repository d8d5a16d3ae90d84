// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The lines of a descriptor, one after the other, each of a bounded length.
struct BoundedLines {
    /// A line without its end.
    struct Line {
        var bytes: [UInt8]
        /// From 1.
        var number: Int
        /// Whether it was longer than may be, and the rest was skipped.
        var isCut: Bool
    }

    /// The longest line.
    static let maxByteCount = 1 << 28

    private let descriptor: Int32
    private var buffer: [UInt8] = Array(repeating: 0, count: 1 << 16)
    private var filled = 0..<0
    private var number = 0

    /// Reads from where the descriptor is.
    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// The next line; nil at the end.
    ///
    /// - Throws: if it cannot be read.
    mutating func next() throws -> Line? {
        var line = Line(bytes: [], number: number + 1, isCut: false)
        var isEmpty = true
        while true {
            if filled.isEmpty {
                guard try fill() else { break }
            }
            isEmpty = false
            let end = buffer[filled].firstIndex(of: UInt8(ascii: "\n"))
            let part = filled.lowerBound..<(end ?? filled.upperBound)
            if line.bytes.count + part.count <= Self.maxByteCount {
                if !line.isCut { line.bytes += buffer[part] }
            } else {
                line.isCut = true
                line.bytes = []
            }
            filled =
                min(part.upperBound + (end == nil ? 0 : 1), filled.upperBound)..<filled.upperBound
            if end != nil { break }
        }
        if isEmpty { return nil }
        number += 1
        return line
    }

    /// Reads more; false at the end.
    private mutating func fill() throws -> Bool {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress, $0.count)
            }
            if count > 0 {
                filled = 0..<count
                return true
            }
            if count == 0 { return false }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                unsafe poll(&entry, 1, -1)
            case let code:
                throw StandardInputError(code: code)
            }
        }
    }
}

/// Why a command's input could not be read.
struct StandardInputError: Error, CustomStringConvertible {
    let code: Int32

    var description: String {
        guard let text = unsafe strerror(code) else { return "stdin: error \(code)" }
        return unsafe "stdin: \(String(cString: text))"
    }
}
