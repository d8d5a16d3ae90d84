// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import JSON

/// Which lines of an audit log somebody looks for.
package struct AuditSelection: Hashable, Sendable {
    /// The id or the name of a key.
    package var key: String?

    /// The model that has answered.
    package var model: String?

    /// The identity of the request.
    package var request: String?

    /// The first second, since 1970.
    package var start = 0

    /// The first second after it.
    package var end = Int(Int32.max) * 1000

    /// The most lines that are given.
    package var limit = 50

    /// Where to go on; nil for the end of the log.
    package var before: AuditPlace?

    /// The last lines.
    package init() {}

    /// The bytes of which a line must have some, so that others need not be read.
    fileprivate var marks: [[[UInt8]]] {
        func mark(_ member: String, _ text: String) -> [UInt8] {
            Array(#""\#(member)":\#(JSONValue.string(text).serialized())"#.utf8)
        }
        var marks: [[[UInt8]]] = []
        if let key { marks.append([mark("key", key), mark("name", key)]) }
        if let model { marks.append([mark("model", model)]) }
        if let request { marks.append([mark("request", request)]) }
        return marks
    }

    fileprivate func contains(_ record: JSONObject, _ time: Int?) -> Bool {
        func holds(_ text: String?, _ members: String...) -> Bool {
            text.map { text in members.contains { record[$0]?.stringValue == text } } ?? true
        }
        return holds(key, "key", "name") && holds(model, "model") && holds(request, "request")
            && time.map { $0 >= start && $0 < end } ?? false
    }
}

/// Where a line of a log begins: in which of its files, and at which byte.
package struct AuditPlace: Hashable, Sendable, CustomStringConvertible {
    let file: Int
    let offset: Int

    init(file: Int, offset: Int) {
        self.file = file
        self.offset = offset
    }

    /// Reads what ``description`` writes.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        func number(_ text: Substring) -> Int? {
            guard (1...18).contains(text.utf8.count),
                text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            return Int(text)
        }
        guard parts.count == 2, let file = number(parts[0]), let offset = number(parts[1]) else {
            return nil
        }
        self.init(file: file, offset: offset)
    }

    /// The number of the file and that of the byte.
    package var description: String { "\(file)-\(offset)" }
}

/// Lines of an audit log that somebody has looked for.
package struct AuditFindings: Sendable {
    /// The newest first, each with its place.
    package fileprivate(set) var records: [(place: AuditPlace, record: AuditRecord)] = []

    /// Lines that are not as they were written, and why.
    package fileprivate(set) var problems: [String] = []

    /// Where to go on; nil where there is nothing before.
    package fileprivate(set) var next: AuditPlace?
}

extension AuditLog {
    /// Looks for lines from the end of the log on.
    ///
    /// It reads so much at a time and no more; who wants what stands before goes on where that ended.
    ///
    /// - Throws: ``AccessError`` where a file cannot be read.
    package func search(_ selection: AuditSelection) throws(AccessError) -> AuditFindings {
        settle()
        return try AuditFindings(selection, in: folder)
    }

    /// The line at a place that ``search(_:)`` has told.
    ///
    /// - Throws: ``AccessError`` where there is none, or it is not as it was written.
    package func record(at place: AuditPlace) throws(AccessError) -> AuditRecord {
        settle()
        guard let file = try AuditFile.files(in: folder).first(where: { $0.number == place.file })
        else {
            throw .wrong(
                what: "place", expected: "that of a line of the log", found: "\(place)")
        }
        return try AuditRecord(BackwardLines.line(of: file, at: place.offset), at: "\(place)")
    }
}

extension AuditFindings {
    /// What one search reads, in bytes.
    private static let budget = 64 << 20

    /// How many lines may be told of that are broken.
    private static let mostProblems = 16

    /// How much earlier than the wanted time a line may be before nothing is looked for any more: clocks
    /// are set back.
    private static let tolerance = 86_400

    init(_ selection: AuditSelection, in folder: String) throws(AccessError) {
        let marks = selection.marks
        var rest = Self.budget
        for file in try AuditFile.files(in: folder).reversed() {
            var end: Int?
            if let before = selection.before {
                if file.number > before.file { continue }
                if file.number == before.file { end = before.offset }
            }
            var lines = try BackwardLines(file, before: end)
            defer { lines.close() }
            while let line = try lines.next() {
                let place = AuditPlace(file: file.number, offset: line.offset)
                let isWanted = marks.allSatisfy { marks in
                    marks.contains { line.bytes.firstRange(of: $0) != nil }
                }
                if isWanted, try take(line.bytes, at: place, selection) { return }
                rest -= line.bytes.count + 1
                if records.count == selection.limit || rest <= 0 {
                    next = place
                    return
                }
            }
        }
    }

    /// Takes a line if it is one that is looked for; says whether what stands before is too old.
    private mutating func take(
        _ line: [UInt8], at place: AuditPlace, _ selection: AuditSelection
    ) throws(AccessError) -> Bool {
        let record: AuditRecord
        do throws(AccessError) {
            record = try AuditRecord(line, at: "\(place)")
        } catch {
            if problems.count < Self.mostProblems { problems.append("\(error)") }
            return false
        }
        let time = record.members["time"]?.stringValue.flatMap(Self.seconds)
        if selection.contains(record.members, time) { records.append((place, record)) }
        return time.map { $0 < selection.start - Self.tolerance } ?? false
    }

    private static func seconds(_ text: String) -> Int? {
        (try? Date(text, strategy: .iso8601)).map { Int($0.timeIntervalSince1970) }
    }
}

/// The lines of a file from its end on.
private struct BackwardLines {
    private static let pieceByteCount = 256 << 10

    /// What `cierzo audit` reads, and a server does not hold for whoever looks for something.
    private static let maxLineByteCount = 256 << 20

    private let path: String
    private let descriptor: Int32
    /// The bytes from `start` on up to the end of the last line that was not given.
    private var buffer: [UInt8] = []
    private var start: Int

    init(_ file: AuditFile, before end: Int?) throws(AccessError) {
        path = file.path
        let (descriptor, byteCount) = try Self.open(file)
        self.descriptor = descriptor
        start = min(end ?? byteCount, byteCount)
    }

    func close() { Glibc.close(descriptor) }

    /// The line before, without its end; what is not finished is none.
    mutating func next() throws(AccessError) -> (offset: Int, bytes: [UInt8])? {
        while true {
            if let last = buffer.lastIndex(of: UInt8(ascii: "\n")) {
                let text = buffer[..<last]
                if let before = text.lastIndex(of: UInt8(ascii: "\n")) {
                    let line = Array(text[(before + 1)...])
                    buffer.removeLast(buffer.count - before - 1)
                    return (start + before + 1, line)
                }
                if start == 0 {
                    let line = Array(text)
                    buffer = []
                    return (0, line)
                }
            } else if start == 0 {
                return nil
            }
            guard buffer.count <= Self.maxLineByteCount else {
                throw .file(
                    path: path, reason: "a line has more than \(Self.maxLineByteCount >> 20) MiB")
            }
            let count = min(start, max(Self.pieceByteCount, buffer.count))
            buffer = try Self.read(descriptor, from: start - count, count: count, path) + buffer
            start -= count
        }
    }

    /// The line that begins at a byte.
    static func line(of file: AuditFile, at offset: Int) throws(AccessError) -> [UInt8] {
        let (descriptor, byteCount) = try open(file)
        defer { Glibc.close(descriptor) }
        var line: [UInt8] = []
        var position = offset
        while position < byteCount {
            let count = min(pieceByteCount, byteCount - position)
            let piece = try read(descriptor, from: position, count: count, file.path)
            if let end = piece.firstIndex(of: UInt8(ascii: "\n")) { return line + piece[..<end] }
            line += piece
            position += count
            guard line.count <= maxLineByteCount else { break }
        }
        throw .file(path: file.path, reason: "no line begins at byte \(offset)")
    }

    private static func open(_ file: AuditFile) throws(AccessError) -> (Int32, Int) {
        let descriptor = unsafe Glibc.open(
            file.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw AuditFile.failure(file.path) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            throw .file(path: file.path, reason: "this is no regular file")
        }
        return (descriptor, Int(status.st_size))
    }

    private static func read(
        _ descriptor: Int32, from position: Int, count: Int, _ path: String
    ) throws(AccessError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let read = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(
                    descriptor, buffer.baseAddress?.advanced(by: filled), count - filled,
                    off_t(position + filled))
            }
            if read > 0 {
                filled += read
            } else if read == 0 || errno != EINTR {
                throw AuditFile.failure(path)
            }
        }
        return bytes
    }
}
