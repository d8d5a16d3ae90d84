// SPDX-License-Identifier: Apache-2.0

import Tokenization

/// Reads calls of one syntax, from after the mark that begins them.
protocol CallMachine: Sendable {
    /// Takes the next symbol.
    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep

    /// The answer has ended within the call: what was read and is no call after all.
    mutating func finish(into output: inout AnswerOutput) -> [UInt8]
}

/// What a symbol means for a call.
enum CallStep {
    /// It belongs to the call, which goes on.
    case inside

    /// The call is complete; these symbols come after it.
    case ended(rest: [AnswerSymbol])

    /// This is no call: the first bytes are text, and the symbols come after them.
    case failed(text: [UInt8], rest: [AnswerSymbol])
}

/// Reads answers in which marks stand before thinking and before calls.
struct MarkedMachine<Call: CallMachine>: AnswerMachine {
    /// How the answers of a format are marked.
    struct Marks: Sendable {
        var thinking: (opening: Mark, closing: Mark)?
        /// What the thinking begins with, after its mark.
        var thinkingHeader: [UInt8] = []
        /// Whether line feeds beside the marks of thinking belong to them.
        var thinkingDropsLineFeeds = true
        var calls: [Mark]
        /// Whether line feeds before a call belong to its mark.
        var callsDropLineFeeds = true
        /// Further control tokens that calls are made of.
        var inner: Set<Int32> = []
        /// Where a `{` before any text begins a call, which has no mark.
        var bareCalls = BareCalls.nowhere
        /// The marks, by their places, that begin no call after text.
        var openingCalls: Set<Int> = []
        /// Makes what reads a call after one of the marks, by its place; nil for a bare one.
        var makeCall: @Sendable (_ mark: Int?) -> Call
    }

    /// Where calls without a mark may stand.
    enum BareCalls {
        case nowhere
        /// At the beginning of the answer.
        case first
        /// There and after other calls.
        case anywhere
    }

    private enum Place {
        case text, thinking
        /// A call after a mark, before which so many calls had begun.
        case call(Call, mark: Int?, before: Int)
    }

    private let marks: Marks
    private var place = Place.text
    private var matcher: MarkMatcher
    /// White space that belongs to a mark if one follows.
    private var held: [UInt8] = []
    /// How much of the thinking's header has come; nil where no more of it can.
    private var headerCount: Int?
    /// Whether there was text since the answer, the thinking or the last call began or ended.
    private var hasText = false
    /// Whether white space at the beginning of the text belongs to the mark before it.
    private var dropsSpace = false

    init(_ marks: Marks, beginsThinking: Bool) {
        self.marks = marks
        matcher = Self.textMatcher(marks)
        if beginsThinking, let thinking = marks.thinking {
            place = .thinking
            matcher = MarkMatcher([thinking.closing])
        }
    }

    private static func textMatcher(_ marks: Marks) -> MarkMatcher {
        MarkMatcher(marks.calls + (marks.thinking.map { [$0.opening] } ?? []))
    }

    var controls: Set<Int32> {
        var all = marks.calls
        if let thinking = marks.thinking { all += [thinking.opening, thinking.closing] }
        return marks.inner.union(all.compactMap(\.control))
    }

    var isThinking: Bool {
        if case .thinking = place { true } else { false }
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) {
        // A call may hand symbols back, each of which may begin another one.
        var queue = [symbol]
        while let next = queue.popLast() { queue += step(next, into: &output).reversed() }
    }

    /// Takes a symbol and returns those that must be read again.
    private mutating func step(
        _ symbol: AnswerSymbol, into output: inout AnswerOutput
    ) -> [AnswerSymbol] {
        switch place {
        case .text:
            let finding = matcher.take(symbol)
            for (offset, byte) in finding.plain.enumerated() {
                if byte == UInt8(ascii: "{"), isBareCall(output) {
                    // What was held back comes after the call has begun, all of it again.
                    let rest = finding.plain[offset...].map { AnswerSymbol.byte($0) }
                    place = .call(marks.makeCall(nil), mark: nil, before: output.callCount)
                    return rest + matcher.release().map { .byte($0) }
                        + (finding.mark == nil ? [] : again(symbol, finding))
                }
                text(byte, into: &output)
            }
            if let mark = finding.mark { begin(mark, into: &output) }
            return []
        case .thinking:
            let finding = matcher.take(symbol)
            for byte in finding.plain { thought(byte, into: &output) }
            if finding.mark != nil { endThinking(into: &output) }
            return []
        case .call(var call, let mark, let before):
            // Or the call's buffers would be copied for each byte, since `place` held them, too.
            place = .text
            switch call.take(symbol, into: &output) {
            case .inside:
                place = .call(call, mark: mark, before: before)
                return []
            case .ended(let rest):
                endCall(into: &output)
                return rest
            case .failed(let bytes, let rest):
                fail(bytes, mark: output.callCount == before ? mark : nil, into: &output)
                return rest
            }
        }
    }

    private func isBareCall(_ output: AnswerOutput) -> Bool {
        switch marks.bareCalls {
        case .nowhere: false
        case .first: !hasText && output.callCount == 0
        case .anywhere: !hasText
        }
    }

    /// The symbols of a mark that was found, to be read again.
    private func again(_ symbol: AnswerSymbol, _ finding: MarkMatcher.Finding) -> [AnswerSymbol] {
        guard case .byte = symbol, let mark = finding.mark else { return [symbol] }
        let all = marks.calls + (marks.thinking.map { [$0.opening] } ?? [])
        return all[mark].bytes.map { .byte($0) }
    }

    private mutating func text(_ byte: UInt8, into output: inout AnswerOutput) {
        if hasText
            ? byte == 0x0A && marks.callsDropLineFeeds && !marks.calls.isEmpty : byte.isJSONSpace
        {
            if !(dropsSpace && !hasText) { held.append(byte) }
            return
        }
        output.text(held)
        held = []
        output.text(byte)
        hasText = true
    }

    private mutating func thought(_ byte: UInt8, into output: inout AnswerOutput) {
        if let count = headerCount {
            if count < marks.thinkingHeader.count, marks.thinkingHeader[count] == byte {
                headerCount = count + 1
                return
            }
            headerCount = nil
            if count < marks.thinkingHeader.count {
                for byte in marks.thinkingHeader.prefix(count) { thought(byte, into: &output) }
            }
        }
        if marks.thinkingDropsLineFeeds, byte == 0x0A {
            if hasText { held.append(byte) }
            return
        }
        for byte in held { output.thinking(byte) }
        held = []
        output.thinking(byte)
        hasText = true
    }

    private mutating func begin(_ mark: Int, into output: inout AnswerOutput) {
        guard marks.calls.indices.contains(mark) else {
            // Text may speak of a tag that opens thinking; a control token is always meant.
            if hasText, let opening = marks.thinking?.opening, opening.control == nil {
                for byte in opening.bytes { text(byte, into: &output) }
                return
            }
            held = []
            hasText = false
            headerCount = 0
            place = .thinking
            if let thinking = marks.thinking { matcher = MarkMatcher([thinking.closing]) }
            return
        }
        if hasText, marks.openingCalls.contains(mark) {
            for byte in marks.calls[mark].bytes { text(byte, into: &output) }
            return
        }
        place = .call(marks.makeCall(mark), mark: mark, before: output.callCount)
    }

    private mutating func endThinking(into output: inout AnswerOutput) {
        held = []
        hasText = false
        dropsSpace = marks.thinkingDropsLineFeeds
        place = .text
        matcher = Self.textMatcher(marks)
    }

    private mutating func endCall(into output: inout AnswerOutput) {
        output.endCall(isComplete: true)
        held = []
        hasText = false
        dropsSpace = false
        place = .text
        matcher = Self.textMatcher(marks)
    }

    private mutating func fail(
        _ bytes: [UInt8], mark: Int?, into output: inout AnswerOutput
    ) {
        output.endCall()
        place = .text
        matcher = Self.textMatcher(marks)
        output.text(held)
        held = []
        if let mark, marks.calls[mark].control == nil { output.text(marks.calls[mark].bytes) }
        output.text(bytes)
        hasText = true
    }

    mutating func finish(into output: inout AnswerOutput) {
        switch place {
        case .text:
            for byte in matcher.release() { text(byte, into: &output) }
            if hasText || output.callCount == 0 { output.text(held) }
        case .thinking:
            for byte in matcher.release() { thought(byte, into: &output) }
            for byte in held { output.thinking(byte) }
        case .call(var call, let mark, let before):
            let bytes = call.finish(into: &output)
            let isNone = output.callCount == before
            if isNone || !bytes.isEmpty {
                fail(bytes, mark: isNone ? mark : nil, into: &output)
            }
        }
        held = []
    }
}
