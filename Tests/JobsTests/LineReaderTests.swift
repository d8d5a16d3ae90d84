// SPDX-License-Identifier: Apache-2.0

import JSON
import Jobs
import Testing

@Suite struct LineReaderTests {
    private func lines(_ bytes: [UInt8], maxByteCount: Int = 20) throws -> [LineReader.Line] {
        var reader = LineReader(maxByteCount: maxByteCount) { offset, count in
            Array(bytes.dropFirst(offset).prefix(count))
        }
        var lines: [LineReader.Line] = []
        while let line = try reader.next() { lines.append(line) }
        return lines
    }

    private func line(
        _ number: Int, _ start: Int, _ text: String, _ fault: LineReader.Fault? = nil
    ) -> LineReader.Line {
        LineReader.Line(number: number, start: start, bytes: Array(text.utf8), fault: fault)
    }

    @Test func `lines end as any editor ends them, and blank ones count for nothing`() throws {
        #expect(
            try lines(Array("a\r\n\n  \t\r\nbc\n d".utf8)) == [
                line(1, 0, "a"), line(4, 9, "bc"), line(5, 12, " d"),
            ])
        #expect(try lines([0xEF, 0xBB, 0xBF] + Array("a\n".utf8)) == [line(1, 3, "a")])
        #expect(try lines([]) == [])
        #expect(try lines(Array("\n\n".utf8)) == [])
    }

    @Test func `a line that is too long is skipped to its end`() throws {
        let long = String(repeating: "x", count: 300_000)
        #expect(
            try lines(Array("a\n\(long)\nb".utf8)) == [
                line(1, 0, "a"), line(2, 2, "", .tooLong), line(3, 300_003, "b"),
            ])
        let exact = String(repeating: "x", count: 20)
        #expect(
            try lines(Array("\(exact)\r\n\(exact)y".utf8)) == [
                line(1, 0, exact), line(2, 22, "", .tooLong),
            ])
    }

    @Test func `a line that is no UTF-8 says so`() throws {
        let found = try lines([0x61, 0xFF, 0x0A, 0x62])
        #expect(found.map(\.fault) == [.invalidUTF8, nil])
        #expect(found.map(\.number) == [1, 2])
    }

    @Test func `lines across pieces are whole`() throws {
        let size = LineReader.pieceByteCount
        let first = String(repeating: "é", count: size / 2 - 1)
        let text = first + "\r\n" + "zwei\n"
        #expect(
            try lines(Array(text.utf8), maxByteCount: size) == [
                line(1, 0, first), line(2, size, "zwei"),
            ])
    }
}

@Suite struct PromptOrderTests {
    private func ranks(_ prompts: [String]) -> [Int] {
        var order = PromptOrder()
        for prompt in prompts { order.add(["model": "m", "prompt": .string(prompt)]) }
        return order.ranks()
    }

    @Test func `what begins alike stands together, and otherwise the order stays`() {
        let (one, other) = (
            String(repeating: "a", count: 500), String(repeating: "b", count: 500)
        )
        #expect(ranks(["x", "y", "z"]) == [0, 1, 2])
        #expect(
            ranks([one + "1", other + "1", "short", one + "2", other + "2"]) == [0, 2, 4, 1, 3])
    }

    @Test func `longer beginnings stand nearer`() {
        let system = String(repeating: "s", count: 200)
        let (one, other) = (
            system + String(repeating: "a", count: 2_000),
            system + String(repeating: "b", count: 2_000)
        )
        #expect(ranks([one + "1", other + "1", one + "2", other + "2"]) == [0, 2, 1, 3])
    }
}
