// SPDX-License-Identifier: Apache-2.0

import JSON

/// Looks at the lines of a batch before any of them is answered.
package struct LineValidation {
    /// So many faults are told; whoever has more has one in the program that wrote the lines.
    package static let maxFaultCount = 100

    private let form: BatchForm
    private let limits: BatchLimits
    private let judge: (String?) -> BatchFault?
    private var judged: [String?: BatchFault?] = [:]
    private var lines: [BatchTable.Line] = []
    /// What is wrong with the lines so far.
    package private(set) var faults: [BatchFault] = []
    private var order = PromptOrder()
    /// The model that all lines so far name.
    private enum Named {
        case nothingYet
        case one(String?)
        case several
    }
    private var named = Named.nothingYet
    /// The number of the line with a name, by a digest of the name that nobody can foresee.
    private var names: [NameDigest: Int] = [:]

    /// The digest of a name.
    private struct NameDigest: Hashable {
        let first: Int
        let second: Int

        init(_ name: String) {
            var hashers = (Hasher(), Hasher())
            hashers.0.combine(name)
            hashers.1.combine(name.utf8.count)
            hashers.1.combine(name)
            first = hashers.0.finalize()
            second = hashers.1.finalize()
        }
    }

    /// Begins with the first line.
    ///
    /// - Parameters:
    ///   - form: what the lines must be.
    ///   - limits: how many they may be.
    ///   - judge: says what is wrong with the model of that name.
    package init(
        _ form: BatchForm, limits: BatchLimits,
        judge: @escaping (String?) -> BatchFault? = { _ in nil }
    ) {
        self.form = form
        self.limits = limits
        self.judge = judge
    }

    /// Whether further lines change nothing.
    package var isOver: Bool {
        faults.count >= Self.maxFaultCount || lines.count > limits.maxLineCount
    }

    /// Looks at the next line.
    ///
    /// - Parameters:
    ///   - line: the line.
    ///   - file: the place of its file among those of the batch.
    package mutating func add(_ line: LineReader.Line, of file: Int) {
        if isOver { return }
        do throws(BatchFault) {
            switch line.fault {
            case .tooLong:
                throw BatchFault(
                    "line_too_long",
                    "longer than \(limits.maxLineByteCount) bytes, the most that "
                        + "this server takes (max-body-bytes)")
            case .invalidUTF8: throw BatchFault("invalid_json_line", "not UTF-8")
            case nil: break
            }
            let read = try BatchLine(line.bytes, of: form, index: lines.count)
            if let first = names.updateValue(line.number, forKey: NameDigest(read.customID)) {
                throw BatchFault(
                    "duplicate_custom_id", "custom_id: line \(first) has the same", "custom_id")
            }
            let model = read.body["model"]?.stringValue
            let found = judged[model] ?? judge(model)
            // A client may make up a name for every line.
            if judged.count < 1024 { judged[model] = .some(found) }
            if let found { throw found }
            switch named {
            case .nothingYet: named = .one(model)
            case .one(model), .several: break
            case .one: named = .several
            }
            order.add(read.body)
        } catch {
            var fault = error
            fault.line = line.number
            faults.append(fault)
        }
        lines.append(
            BatchTable.Line(
                index: lines.count, file: file, number: line.number, start: line.start,
                length: line.bytes.count, rank: 0))
    }

    /// The model that all lines name; nil where they name several.
    package var model: String? {
        if case .one(let model) = named { model } else { nil }
    }

    /// The lines with their turns, or what is wrong with them.
    consuming func result() -> (lines: [BatchTable.Line], faults: [BatchFault]) {
        if lines.count > limits.maxLineCount {
            faults.append(
                BatchFault(
                    "too_many_requests",
                    "more than \(limits.maxLineCount) lines, the most that this "
                        + "server takes (batch-lines)"))
        }
        if lines.isEmpty, faults.isEmpty {
            faults.append(BatchFault("empty_file", "no line has a request"))
        }
        guard faults.isEmpty else { return ([], faults) }
        for (index, rank) in order.ranks().enumerated() { lines[index].rank = rank }
        return (lines, [])
    }
}
