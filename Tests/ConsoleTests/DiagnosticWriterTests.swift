// SPDX-License-Identifier: Apache-2.0

import Console
import Foundation
import Testing

@Suite struct DiagnosticWriterTests {
    /// A pipe of one page, and SIGPIPE as in the program.
    private struct NarrowPipe: ~Copyable {
        let reading: Int32
        let writing: Int32

        init() throws {
            signal(SIGPIPE, SIG_IGN)
            var ends: [Int32] = [0, 0]
            try #require(unsafe pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
        }

        func read() -> String {
            FileHandle(fileDescriptor: reading).availableData.text
        }
    }

    private func temporaryFile() throws -> (path: String, descriptor: Int32) {
        let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString)"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        return (path, descriptor)
    }

    private func keptCount(_ text: String) -> Int {
        text.split(separator: "\n").count { $0.count == 999 }
    }

    /// How many lines a text says are missing, in reports that have come whole.
    private func lostCount(_ text: String) -> Int {
        text.matches(of: /cierzo: (\d+) lines? of this log could not be written\n/)
            .reduce(0) { $0 + (Int($1.1) ?? 0) }
    }

    @Test func `lines come out in their order and whole`() throws {
        let (path, descriptor) = try temporaryFile()
        defer { unsafe unlink(path) }
        let writer = DiagnosticWriter(descriptor: descriptor)
        for index in 0..<1000 { writer.write("line \(index)\n") }
        #expect(writer.flush(within: .seconds(60)))
        let expected = (0..<1000).map { "line \($0)\n" }.joined()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == expected)
    }

    @Test func `nobody waits for a reader that does not read, and it is told what it missed`()
        throws
    {
        let pipe = try NarrowPipe()
        let writer = DiagnosticWriter(descriptor: pipe.writing, byteLimit: 1 << 16)
        let line = String(repeating: "x", count: 999) + "\n"
        for _ in 0..<1000 { writer.write(line) }
        #expect(!writer.flush(within: .zero))
        // Losses are told whenever the writing thread takes the queue, which may be more than once.
        var text = ""
        while keptCount(text) + lostCount(text) < 1000 { text += pipe.read() }
        #expect(writer.flush(within: .seconds(60)))
        #expect(keptCount(text) + lostCount(text) == 1000)
        #expect(lostCount(text) > 0)
        writer.write("more\n")
        #expect(pipe.read() == "more\n")
    }

    @Test func `a reader that went away and a full disk cost lines and nothing else`() throws {
        let pipe = try NarrowPipe()
        close(pipe.reading)
        let full = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
        for descriptor in [pipe.writing, full, 1_000_000] {
            let writer = DiagnosticWriter(descriptor: descriptor)
            for _ in 0..<100 { writer.write("lost\n") }
            #expect(writer.flush(within: .seconds(60)))
        }
    }

    @Test func `a descriptor that does not block is waited for`() throws {
        let pipe = try NarrowPipe()
        _ = fcntl(pipe.writing, F_SETFL, O_NONBLOCK)
        let writer = DiagnosticWriter(descriptor: pipe.writing)
        let text = String(repeating: "y", count: 300_000) + "\n"
        writer.write(text)
        var received = ""
        while received.count < text.count { received += pipe.read() }
        #expect(received == text)
    }
}

extension Data {
    fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
