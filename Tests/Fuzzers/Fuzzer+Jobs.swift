// SPDX-License-Identifier: Apache-2.0

import Jobs

extension Fuzzer {
    static let jobs = [batchLines]

    /// Files of requests: they read the same in pieces of any size, and every fault has its line.
    private static let batchLines = Fuzzer("batch-lines") { input in
        let whole = try lines(of: input, pieceByteCount: 1 << 16)
        for size in [1, 7] where try lines(of: input, pieceByteCount: size) != whole {
            return "reads differently in pieces of \(size)"
        }
        for line in whole where line.fault != .tooLong {
            let end = line.start + line.bytes.count
            guard end <= input.count, Array(input[line.start..<end]) == line.bytes else {
                return "line \(line.number) is not at \(line.start)"
            }
        }
        for isMistral in [false, true] {
            var validation = LineValidation(
                BatchForm(endpoint: "/v1/completions", isMistral: isMistral), limits: limits)
            for line in whole { validation.add(line, of: 0) }
            let numbers = Set(whole.map(\.number))
            guard validation.faults.count <= LineValidation.maxFaultCount,
                validation.faults.allSatisfy({ $0.line.map(numbers.contains) ?? false })
            else { return "a fault is of no line" }
        }
        return nil
    }

    private static let limits: BatchLimits = {
        var limits = BatchLimits()
        limits.maxLineByteCount = 256
        limits.maxLineCount = 64
        return limits
    }()

    private static func lines(
        of input: [UInt8], pieceByteCount: Int
    ) throws -> [LineReader.Line] {
        var reader = LineReader(
            maxByteCount: limits.maxLineByteCount, pieceByteCount: pieceByteCount
        ) { offset, count in
            Array(input[min(offset, input.count)..<min(offset + count, input.count)])
        }
        var lines: [LineReader.Line] = []
        while let line = try reader.next() { lines.append(line) }
        return lines
    }
}
