// SPDX-License-Identifier: Apache-2.0

/// Reads answers of messages with a header each, as gpt-oss writes them:
/// `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…`.
struct HarmonyMachine: AnswerMachine {
    private enum Place {
        case header
        case text, thinking
        case call
    }

    /// The marks, by their place in the matcher's list.
    enum Sign: Int, CaseIterable {
        case start, channel, message, constrain, end, call, `return`

        var text: String { "<|\(self)|>" }
    }

    private let marks: [Mark]
    private var matcher: MarkMatcher
    private var place = Place.header
    /// The header so far, its marks by name.
    private var header: [UInt8] = []
    /// Whether a mark has shown that there are headers at all.
    private var hasMarks = false

    private static let maxHeaderBytes = 1024

    init(_ marks: [Mark]) {
        self.marks = marks
        matcher = MarkMatcher(marks)
    }

    /// The answer begins within a message of thinking.
    mutating func beginThinking() {
        place = .thinking
        hasMarks = true
    }

    /// The answer begins within a message of text.
    mutating func beginText() {
        place = .text
        hasMarks = true
    }

    var controls: Set<Int32> { Set(marks.compactMap(\.control)) }

    var isThinking: Bool {
        if case .thinking = place { true } else { false }
    }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) {
        let finding = matcher.take(symbol)
        for byte in finding.plain { take(byte, into: &output) }
        if let sign = finding.mark.flatMap(Sign.init) { take(sign, into: &output) }
    }

    private mutating func take(_ byte: UInt8, into output: inout AnswerOutput) {
        switch place {
        case .header:
            header.append(byte)
            if header.count > Self.maxHeaderBytes || !hasMarks && !mayBegin(header) {
                // An answer without headers is text.
                output.text(header)
                header = []
                place = .text
            }
        case .text: output.text(byte)
        case .thinking: output.thinking(byte)
        case .call: output.argument(byte)
        }
    }

    /// Whether an answer's header may begin with these bytes, before its first mark.
    private func mayBegin(_ bytes: [UInt8]) -> Bool {
        let first = Array(" to=".utf8)
        let same = min(bytes.count, first.count)
        guard bytes.prefix(same).elementsEqual(first.prefix(same)) else { return false }
        return !bytes.dropFirst(first.count).contains { $0 == 0x0A }
    }

    private mutating func take(_ sign: Sign, into output: inout AnswerOutput) {
        hasMarks = true
        switch (sign, place) {
        case (.start, _):
            endMessage(into: &output)
            header = Array("<|start|>".utf8)
        case (.end, _), (.call, _), (.return, _): endMessage(into: &output)
        case (.message, .header): open(into: &output)
        case (.channel, .header): header += Array(" <|channel|>".utf8)
        case (.constrain, .header): header += Array(" <|constrain|>".utf8)
        // A message has ended without saying so.
        case (.channel, _):
            endMessage(into: &output)
            header = Array(" <|channel|>".utf8)
        case (.message, _), (.constrain, _): break
        }
    }

    /// The header is complete: says what the message is.
    private mutating func open(into output: inout AnswerOutput) {
        let words = String(decoding: header, as: UTF8.self).split(separator: " ")
        header = []
        let recipient = words.first { $0.hasPrefix("to=") }?.dropFirst(3)
        let channel = words.first { $0.hasPrefix("<|channel|>") }?.dropFirst(11)
        if let recipient {
            let name = recipient.hasPrefix("functions.") ? recipient.dropFirst(10) : recipient
            if output.beginCall(String(name)) {
                place = .call
                return
            }
        }
        place = channel == "analysis" ? .thinking : .text
    }

    private mutating func endMessage(into output: inout AnswerOutput) {
        output.endCall(isComplete: true)
        place = .header
        header = []
    }

    mutating func finish(into output: inout AnswerOutput) {
        for byte in matcher.release() { take(byte, into: &output) }
        if case .header = place, !hasMarks { output.text(header) }
    }
}
