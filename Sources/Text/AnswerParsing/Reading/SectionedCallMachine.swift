// SPDX-License-Identifier: Apache-2.0

/// Reads the calls of a section, each between marks of its own, from after the mark that opens the
/// section or the first call.
struct SectionedCallMachine: CallMachine {
    /// How the calls are written.
    struct Syntax: Sendable {
        /// What opens a call, parts its name from its arguments, closes it, and closes the section.
        var marks: [Mark]
        /// Whether a word and the separator stand before the name.
        var hasKind = false
        var namePrefix: [UInt8] = []
        /// Whether a colon and a number follow the name.
        var isNumbered = false
        /// Whether the name ends with its line, and a fence stands around the arguments.
        var endsNameWithLine = false
    }

    private enum Sign: Int {
        case call, separator, end, sectionEnd
    }

    private enum Place {
        /// Between two calls.
        case between
        case kind, name
        /// Before the arguments, in what stands around them.
        case beforeArguments
        case arguments, afterArguments
    }

    private static let maxNameBytes = 256
    private static let maxFenceBytes = 64

    private let syntax: Syntax
    private var place: Place
    private var matcher: MarkMatcher
    private var extent = JSONValueExtent()
    /// What has been read of a call that has not begun yet: its name or kind, and what comes before.
    private var read: [UInt8] = []
    private var lead: [UInt8] = []
    private var hasEnded = false

    init(_ syntax: Syntax, isInCall: Bool) {
        self.syntax = syntax
        matcher = MarkMatcher(syntax.marks)
        place = .between
        if isInCall { beginHeader(after: []) }
    }

    private mutating func beginHeader(after lead: [UInt8]) {
        place = syntax.hasKind ? .kind : .name
        read = []
        self.lead = lead
    }

    /// The text of a mark; a control token has none.
    private func text(of sign: Sign) -> [UInt8] {
        let mark = syntax.marks[sign.rawValue]
        return mark.control == nil ? mark.bytes : []
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep {
        if case .arguments = place, case .byte(let byte) = symbol {
            return argument(byte, into: &output)
        }
        let finding = matcher.take(symbol)
        for (offset, byte) in finding.plain.enumerated() {
            guard let step = take(byte, into: &output) else { continue }
            // What the matcher found after the byte is read again by whoever reads on.
            var rest = finding.plain[(offset + 1)...].map { AnswerSymbol.byte($0) }
            if let mark = finding.mark { rest += symbols(of: syntax.marks[mark]) }
            if let control = finding.control { rest.append(.control(control)) }
            rest += matcher.release().map { .byte($0) }
            return adding(rest, to: step)
        }
        if let sign = finding.mark.flatMap(Sign.init) { return take(sign, into: &output) }
        if let control = finding.control { return stop(rest: [.control(control)]) }
        return .inside
    }

    private func symbols(of mark: Mark) -> [AnswerSymbol] {
        mark.control.map { [.control($0)] } ?? mark.bytes.map { .byte($0) }
    }

    private func adding(_ rest: [AnswerSymbol], to step: CallStep) -> CallStep {
        switch step {
        case .inside: .inside
        case .ended(let own): .ended(rest: own + rest)
        case .failed(let text, let own): .failed(text: text, rest: own + rest)
        }
    }

    /// A byte that belongs to no mark; nil where the call goes on.
    private mutating func take(_ byte: UInt8, into output: inout AnswerOutput) -> CallStep? {
        switch place {
        case .between:
            return byte.isJSONSpace ? nil : stop(rest: [.byte(byte)])
        case .kind:
            read.append(byte)
            return read.count > Self.maxNameBytes ? stop(rest: []) : nil
        case .name:
            if syntax.endsNameWithLine, byte == 0x0A {
                return begin(endedBy: [byte], into: &output)
            }
            read.append(byte)
            return read.count > Self.maxNameBytes ? stop(rest: []) : nil
        case .beforeArguments:
            let isValue = !syntax.endsNameWithLine && !byte.isJSONSpace
            guard isValue || byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") else {
                read.append(byte)
                return read.count > Self.maxFenceBytes ? stop(rest: []) : nil
            }
            place = .arguments
            extent = JSONValueExtent()
            let step = argument(byte, into: &output)
            if case .inside = step { return nil }
            return step
        case .arguments:
            let step = argument(byte, into: &output)
            if case .inside = step { return nil }
            return step
        case .afterArguments: return nil
        }
    }

    private mutating func argument(
        _ byte: UInt8, into output: inout AnswerOutput
    ) -> CallStep {
        switch extent.take(byte) {
        case .inside: output.argument(byte)
        case .last:
            output.argument(byte)
            place = .afterArguments
        case .after: place = .afterArguments
        }
        return .inside
    }

    private mutating func take(_ sign: Sign, into output: inout AnswerOutput) -> CallStep {
        switch (sign, place) {
        case (.call, .between): beginHeader(after: text(of: .call))
        case (.separator, .kind):
            place = .name
            lead += read + text(of: .separator)
            read = []
        case (.separator, .name) where !syntax.endsNameWithLine:
            return begin(endedBy: text(of: .separator), into: &output) ?? .inside
        case (.end, .afterArguments), (.end, .beforeArguments), (.end, .arguments):
            output.endCall(isComplete: true)
            hasEnded = true
            place = .between
        case (.sectionEnd, .between), (.sectionEnd, .afterArguments):
            return .ended(rest: [])
        default: return stop(rest: symbols(of: syntax.marks[sign.rawValue]))
        }
        return .inside
    }

    /// The name is known.
    private mutating func begin(
        endedBy end: [UInt8], into output: inout AnswerOutput
    ) -> CallStep? {
        var name = read[...]
        if name.starts(with: syntax.namePrefix) { name = name.dropFirst(syntax.namePrefix.count) }
        if syntax.isNumbered, let colon = name.lastIndex(of: UInt8(ascii: ":")) {
            name = name[..<colon]
        }
        while let first = name.first, first.isJSONSpace { name.removeFirst() }
        while let last = name.last, last.isJSONSpace { name.removeLast() }
        guard output.beginCall(String(decoding: name, as: UTF8.self)) else {
            return .failed(text: lead + read + end, rest: [])
        }
        read = []
        place = .beforeArguments
        return nil
    }

    /// What comes is no part of the calls.
    private mutating func stop(rest: [AnswerSymbol]) -> CallStep {
        switch place {
        case .kind, .name: .failed(text: lead + read, rest: rest)
        case .between where !hasEnded: .failed(text: [], rest: rest)
        default: .ended(rest: rest)
        }
    }

    mutating func finish(into output: inout AnswerOutput) -> [UInt8] {
        switch place {
        case .kind, .name: lead + read + matcher.release()
        case .between: matcher.release()
        default: []
        }
    }
}
