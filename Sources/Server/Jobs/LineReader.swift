// SPDX-License-Identifier: Apache-2.0

/// The lines of a file, one after the other, each of a bounded length: JSON Lines as clients write it.
///
/// Lines end with LF or CR LF, the last one also with the file. A byte order mark before the first line,
/// and lines of nothing but white space, count for nothing.
package struct LineReader {
    /// A line that is not empty.
    package struct Line: Hashable, Sendable {
        /// From 1; empty lines are counted, too, so that it is an editor's.
        package let number: Int

        /// Where it begins in the file.
        package let start: Int

        /// It, without its end; nothing where it is too long.
        package let bytes: [UInt8]

        /// Why it cannot be read.
        package let fault: Fault?

        /// A line.
        package init(number: Int, start: Int, bytes: [UInt8], fault: Fault? = nil) {
            self.number = number
            self.start = start
            self.bytes = bytes
            self.fault = fault
        }
    }

    /// What may be wrong with a line.
    package enum Fault: Hashable, Sendable {
        /// It is longer than one may be; the rest was skipped.
        case tooLong

        /// It is no UTF-8.
        case invalidUTF8
    }

    /// How much is read at once, if nothing else is said.
    package static let pieceByteCount = 1 << 16

    private let maxByteCount: Int
    private let pieceByteCount: Int
    private let read: (_ offset: Int, _ count: Int) throws(JobsError) -> [UInt8]
    private var piece: ArraySlice<UInt8> = []
    private var offset = 0
    private var number = 0

    /// Reads a file from its start.
    ///
    /// - Parameters:
    ///   - maxByteCount: the longest line.
    ///   - pieceByteCount: how much is read at once.
    ///   - read: gives bytes of the file, fewer only where it ends.
    package init(
        maxByteCount: Int, pieceByteCount: Int = LineReader.pieceByteCount,
        read: @escaping (_ offset: Int, _ count: Int) throws(JobsError) -> [UInt8]
    ) {
        self.maxByteCount = maxByteCount
        self.pieceByteCount = pieceByteCount
        self.read = read
    }

    /// The next line; nil at the end.
    package mutating func next() throws(JobsError) -> Line? {
        while true {
            var start = offset - piece.count
            var bytes: [UInt8] = []
            var (isCut, hasEnded, isThere) = (false, false, false)
            while !hasEnded {
                if piece.isEmpty {
                    let found = try read(offset, pieceByteCount)
                    offset += found.count
                    piece = found[...]
                    if found.isEmpty { break }
                }
                isThere = true
                let end = piece.firstIndex(of: UInt8(ascii: "\n"))
                let part = piece[..<(end ?? piece.endIndex)]
                // A carriage return at the end may still go.
                if !isCut, bytes.count + part.count <= maxByteCount + 1 {
                    bytes += part
                } else {
                    isCut = true
                    bytes = []
                }
                hasEnded = end != nil
                piece = piece[(end.map { $0 + 1 } ?? piece.endIndex)...]
            }
            guard isThere else { return nil }
            number += 1
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            if number == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
                bytes.removeFirst(3)
                start += 3
            }
            if isCut || bytes.count > maxByteCount {
                return Line(number: number, start: start, bytes: [], fault: .tooLong)
            }
            if bytes.allSatisfy(Self.isSpace) { continue }
            let isValid = String(validating: bytes, as: UTF8.self) != nil
            return Line(
                number: number, start: start, bytes: bytes, fault: isValid ? nil : .invalidUTF8)
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}
