// SPDX-License-Identifier: Apache-2.0

/// Splits a text into the words within which byte pairs may merge.
package struct PreTokenizer: Hashable, Sendable {
    /// One pass over the text; each splits what the passes before it left.
    package enum Stage: Hashable, Sendable {
        /// Words by one of the regular expressions.
        case words(WordPattern)
        /// Every number character alone, `\p{N}`.
        case eachNumber
        /// Runs of number characters, `\p{N}+`.
        case numberRuns
        /// Up to three number characters at a time, `\p{N}{1,3}`.
        case numberTriples
        /// Runs of Chinese and Japanese characters, `[一-龥぀-ゟ゠-ヿ]+`.
        case eastAsianRuns
        /// Words by DeepSeek's regular expression.
        case deepSeekWords
        /// Three ASCII digits at a time, `[0-9][0-9][0-9]`.
        case digitTriples
        /// Runs of punctuation and some symbols, `[\p{P}$+<=>^~|]+`.
        case punctuationRuns
        /// Every end of a line alone, `[\r\n]`.
        case eachNewline
        /// The whitespace that a word ends with, `\s+$`; no end of a line may be in it.
        case trailingSpace
        /// Runs of characters of a kind.
        case runs(CharacterRun)
    }

    /// The passes, first to last; none leaves the text whole.
    package var stages: [Stage]

    /// Creates a pre-tokenizer of these passes.
    package init(_ stages: [Stage]) {
        self.stages = stages
    }

    /// The words of a text.
    package func words(of text: String) -> [String] {
        let classified = ClassifiedText(Array(text.utf8))
        return words(of: classified).map { word in
            String(decoding: classified.bytes[classified.byteRange(word)], as: UTF8.self)
        }
    }

    /// The words as ranges of characters: in order, without gaps, none empty; O(n).
    func words(of text: ClassifiedText) -> [Range<Int>] {
        var words = text.count == 0 ? [] : [0..<text.count]
        for stage in stages {
            var split: [Range<Int>] = []
            split.reserveCapacity(words.count)
            for word in words {
                var start = word.lowerBound
                while start < word.upperBound {
                    let end = Self.end(of: stage, from: start, before: word.upperBound, text)
                    split.append(start..<end)
                    start = end
                }
            }
            words = split
        }
        return words
    }

    private static func end(
        of stage: Stage, from start: Int, before end: Int, _ text: ClassifiedText
    ) -> Int {
        switch stage {
        case .words(let pattern): return pattern.wordEnd(from: start, before: end, in: text)
        case .eachNumber:
            if text.classes[start].isAny(.number) { return start + 1 }
            return run(from: start, before: end) { !text.classes[$0].isAny(.number) }
        case .numberRuns:
            let isNumber = text.classes[start].isAny(.number)
            return run(from: start, before: end) { text.classes[$0].isAny(.number) == isNumber }
        case .numberTriples:
            let most = text.classes[start].isAny(.number) ? min(end, start + 3) : end
            let isNumber = text.classes[start].isAny(.number)
            return run(from: start, before: most) { text.classes[$0].isAny(.number) == isNumber }
        case .eastAsianRuns:
            let isEastAsian = isEastAsian(text, start)
            return run(from: start, before: end) { Self.isEastAsian(text, $0) == isEastAsian }
        case .deepSeekWords:
            if let match = DeepSeekPattern.wordEnd(from: start, before: end, in: text) {
                return match
            }
            // What nothing matches stays together.
            return run(from: start, before: end) {
                DeepSeekPattern.wordEnd(from: $0, before: end, in: text) == nil
            }
        case .punctuationRuns:
            let isPunctuation = isPunctuation(text, start)
            return run(from: start, before: end) { Self.isPunctuation(text, $0) == isPunctuation }
        case .eachNewline:
            if text.classes[start].isAny(.newline) { return start + 1 }
            return run(from: start, before: end) { !text.classes[$0].isAny(.newline) }
        case .trailingSpace:
            var trailing = end
            while trailing > start, text.classes[trailing - 1].isAny(.whitespace) { trailing -= 1 }
            return trailing == start ? end : trailing
        case .runs(let runs): return runs.end(from: start, before: end, in: text)
        case .digitTriples:
            if isTriple(text, start, end) { return start + 3 }
            return run(from: start, before: end) { !isTriple(text, $0, end) }
        }
    }

    private static func run(from start: Int, before end: Int, _ holds: (Int) -> Bool) -> Int {
        var index = start
        while index < end, holds(index) { index += 1 }
        return index
    }

    private static func isEastAsian(_ text: ClassifiedText, _ index: Int) -> Bool {
        switch text.scalarValue(index) {
        case 0x4E00...0x9FA5, 0x3040...0x309F, 0x30A0...0x30FF: true
        default: false
        }
    }

    private static func isPunctuation(_ text: ClassifiedText, _ index: Int) -> Bool {
        if text.classes[index].isAny(.punctuation) { return true }
        switch text.ascii(index) {
        case UInt8(ascii: "$"), UInt8(ascii: "+"), UInt8(ascii: "<"), UInt8(ascii: "="),
            UInt8(ascii: ">"), UInt8(ascii: "^"), UInt8(ascii: "~"), UInt8(ascii: "|"):
            return true
        default: return false
        }
    }

    private static func isTriple(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Bool {
        start + 3 <= end && (start..<start + 3).allSatisfy { (0x30...0x39) ~= text.ascii($0) }
    }
}
