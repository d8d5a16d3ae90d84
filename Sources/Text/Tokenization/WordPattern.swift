// SPDX-License-Identifier: Apache-2.0

/// The family of regular expressions that split text into words before byte-level BPE.
///
/// GPT-2's expression and its descendants differ in a few places only, which are the properties
/// here. The match is written by hand: it looks at each character a bounded number of times, where
/// a regex engine may backtrack, and reproduces leftmost-first matching exactly.
package struct WordPattern: Hashable, Sendable {
    /// How `'s 't 're 've 'm 'll 'd` are cut off.
    package enum Contractions: Sendable {
        /// They are not.
        case none
        /// As words of their own, in lower case only.
        case lowercase
        /// As words of their own, `(?i:…)`.
        case anyCase
        /// As an optional end of a word of letters, `(?i:…)?`.
        case suffix
    }

    /// What a word of letters is.
    package enum Letters: Sendable {
        /// ` ?\p{L}+`
        case afterSpace
        /// `[^\r\n\p{L}\p{N}]?\p{L}+`
        case afterAnything
        /// `[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+`; marks are no punctuation then.
        case withMarks
        /// `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` or the
        /// same with `+` and `*`: words are cut before upper case.
        case cased
        /// The same without `\p{Han}` in the two sets, and `[\p{Han}]+` before anything else.
        case casedBesideHan
    }

    /// What a word of digits is.
    package enum Numbers: Sendable {
        /// ` ?\p{N}+`
        case afterSpace
        /// `\p{N}`
        case single
        /// `\p{N}{1,3}`
        case upToThree
    }

    /// What may follow a run of other characters, ` ?[^\s\p{L}\p{N}]+`.
    package enum PunctuationTail: Sendable {
        /// Nothing.
        case none
        /// `[\r\n]*`
        case newlines
        /// `[\r\n/]*`
        case newlinesAndSlashes
    }

    /// How contractions are cut off.
    package var contractions: Contractions
    /// What a word of letters is.
    package var letters: Letters
    /// What a word of digits is.
    package var numbers: Numbers
    /// What may follow punctuation.
    package var punctuationTail: PunctuationTail
    /// Whether `\s*[\r\n]+` comes before the other whitespace.
    package var endsSpaceAtNewline: Bool

    /// GPT-2.
    package static let gpt2 = WordPattern(
        contractions: .lowercase, letters: .afterSpace, numbers: .afterSpace,
        punctuationTail: .none, endsSpaceAtNewline: false)
    /// Llama 3 (and OpenAI's cl100k).
    package static let llama3 = WordPattern(
        contractions: .anyCase, letters: .afterAnything, numbers: .upToThree,
        punctuationTail: .newlines, endsSpaceAtNewline: true)
    /// Qwen 2, 2.5 and 3.
    package static let qwen2 = WordPattern(
        contractions: .anyCase, letters: .afterAnything, numbers: .single,
        punctuationTail: .newlines, endsSpaceAtNewline: true)
    /// Qwen 3.5.
    package static let qwen35 = WordPattern(
        contractions: .anyCase, letters: .withMarks, numbers: .single,
        punctuationTail: .newlines, endsSpaceAtNewline: true)
    /// Mistral's tekken.
    package static let tekken = WordPattern(
        contractions: .none, letters: .cased, numbers: .single,
        punctuationTail: .newlinesAndSlashes, endsSpaceAtNewline: true)
    /// GPT-4o (OpenAI's o200k) and Llama 4.
    package static let gpt4o = WordPattern(
        contractions: .suffix, letters: .cased, numbers: .upToThree,
        punctuationTail: .newlinesAndSlashes, endsSpaceAtNewline: true)
    /// Kimi K2, and Moonlight before it.
    package static let kimiK2 = WordPattern(
        contractions: .suffix, letters: .casedBesideHan, numbers: .upToThree,
        punctuationTail: .newlines, endsSpaceAtNewline: true)
}

extension WordPattern {
    /// The patterns by the regular expressions that tokenizer files state them with.
    private static let expressions: [String: WordPattern] = {
        let contractions = "'s|'t|'re|'ve|'m|'ll|'d"
        let anyCase = "(?i:\(contractions))"
        let prefix = #"[^\r\n\p{L}\p{N}]?"#
        let newline = #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
        let other = #"| ?[^\s\p{L}\p{N}]+"#
        func cased(_ suffix: String, besides excluded: String = "") -> String {
            let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}\#(excluded)]"#
            let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}\#(excluded)]"#
            return "\(prefix)\(upper)*\(lower)+\(suffix)|\(prefix)\(upper)+\(lower)*\(suffix)"
        }
        func llama(_ numbers: String) -> String {
            #"\#(anyCase)|\#(prefix)\p{L}+|\#(numbers)\#(other)[\r\n]*\#(newline)"#
        }
        let otherWithMarks = #"| ?[^\s\p{L}\p{M}\p{N}]+"#
        return [
            #"\#(contractions)| ?\p{L}+| ?\p{N}+\#(other)|\s+(?!\S)|\s+"#: .gpt2,
            #"\#(contractions)| ?\p{L}+| ?\p{N}+\#(other)|\s+(?!\S)"#: .gpt2,
            llama(#"\p{N}{1,3}"#): .llama3,
            llama(#"\p{N}"#): .qwen2,
            #"\#(anyCase)|\#(prefix)[\p{L}\p{M}]+|\p{N}\#(otherWithMarks)[\r\n]*\#(newline)"#:
                .qwen35,
            #"\#(cased(""))|\p{N}\#(other)[\r\n/]*\#(newline)"#: .tekken,
            #"\#(cased("\(anyCase)?"))|\p{N}{1,3}\#(other)[\r\n/]*\#(newline)"#: .gpt4o,
            #"[\p{Han}]+|\#(cased("\(anyCase)?", besides: #"&&[^\p{Han}]"#))|\p{N}{1,3}"#
                + #"\#(other)[\r\n]*\#(newline)"#: .kimiK2,
        ]
    }()

    /// The pattern that a regular expression describes, if it is one of the known ones.
    package init?(expression: String) {
        guard let known = Self.expressions[expression] else { return nil }
        self = known
    }
}

// Matching: which characters the next word takes.
extension WordPattern {
    /// The end of the word that begins at `start`: the first alternative that matches, as a regex
    /// with alternatives in this order would.
    ///
    /// - Parameters:
    ///   - start: the first character of the word.
    ///   - end: where the text ends for this search; nothing behind it is looked at.
    ///   - text: the classified text.
    /// - Returns: an index in `start + 1 ... end`.
    func wordEnd(from start: Int, before end: Int, in text: ClassifiedText) -> Int {
        if contractions == .lowercase || contractions == .anyCase,
            let match = contractionEnd(start, end, text)
        {
            return match
        }
        return lettersEnd(start, end, text) ?? numbersEnd(start, end, text)
            ?? othersEnd(start, end, text) ?? whitespaceEnd(start, end, text)
    }

    // MARK: Contractions

    private func contractionEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        guard start + 1 < end, text.ascii(start) == UInt8(ascii: "'") else { return nil }
        func letter(_ index: Int) -> UInt8 {
            if index >= end { return 0 }
            let byte = text.ascii(index)
            if contractions == .lowercase { return byte }
            if byte >= 0x41, byte <= 0x5A { return byte | 0x20 }
            // U+017F folds to s.
            return text.isCharacter(index, [0xC5, 0xBF]) ? UInt8(ascii: "s") : byte
        }
        switch (letter(start + 1), letter(start + 2)) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _),
            (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default: return nil
        }
    }

    // MARK: Letters

    private func lettersEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        switch letters {
        case .afterSpace:
            let first = text.ascii(start) == UInt8(ascii: " ") ? start + 1 : start
            return runEnd(first, end, text, .letter)
        case .afterAnything, .withMarks:
            let set: CharacterClass = letters == .withMarks ? [.letter, .mark] : .letter
            if mayPrecedeLetters(text.classes[start]),
                let match = runEnd(start + 1, end, text, set)
            {
                return match
            }
            return runEnd(start, end, text, set)
        case .cased, .casedBesideHan:
            if letters == .casedBesideHan, let match = runEnd(start, end, text, .han) {
                return match
            }
            guard let word = casedEnd(start, end, text) else { return nil }
            return contractions == .suffix ? contractionEnd(word, end, text) ?? word : word
        }
    }

    /// The set `[^\r\n\p{L}\p{N}]`.
    private func mayPrecedeLetters(_ character: CharacterClass) -> Bool {
        !character.isAny([.newline, .letter, .number])
    }

    private func runEnd(
        _ start: Int, _ end: Int, _ text: ClassifiedText, _ set: CharacterClass,
        besides excluded: CharacterClass = []
    ) -> Int? {
        var index = start
        while index < end, text.classes[index].isAny(set), !text.classes[index].isAny(excluded) {
            index += 1
        }
        return index > start ? index : nil
    }

    /// What is in neither of the sets of `cased`.
    private var uncased: CharacterClass { letters == .casedBesideHan ? .han : [] }

    private func casedEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        let hasPrefix = mayPrecedeLetters(text.classes[start])
        if hasPrefix, let match = lowerEnd(start + 1, end, text) { return match }
        if let match = lowerEnd(start, end, text) { return match }
        if hasPrefix, let match = upperEnd(start + 1, end, text) { return match }
        return upperEnd(start, end, text)
    }

    /// `U*L+` with the regex's greed and backtracking; U and L share caseless letters and marks.
    private func lowerEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        let upper: CharacterClass = [.uppercase, .caseless, .mark]
        let lower: CharacterClass = [.lowercase, .caseless, .mark]
        let upperRun = runEnd(start, end, text, upper, besides: uncased) ?? start
        if let match = runEnd(upperRun, end, text, lower, besides: uncased) { return match }
        // U* gives back characters until the last one that L+ can take.
        var index = upperRun
        while index > start {
            index -= 1
            if text.classes[index].isAny(lower) { return index + 1 }
        }
        return nil
    }

    /// The expression `U+L*`.
    private func upperEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        let upper: CharacterClass = [.uppercase, .caseless, .mark]
        let lower: CharacterClass = [.lowercase, .caseless, .mark]
        guard let run = runEnd(start, end, text, upper, besides: uncased) else { return nil }
        return runEnd(run, end, text, lower, besides: uncased) ?? run
    }

    // MARK: Everything else

    private func numbersEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        switch numbers {
        case .afterSpace:
            let first = text.ascii(start) == UInt8(ascii: " ") ? start + 1 : start
            return runEnd(first, end, text, .number)
        case .single: return runEnd(start, min(end, start + 1), text, .number)
        case .upToThree: return runEnd(start, min(end, start + 3), text, .number)
        }
    }

    private func othersEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        let excluded: CharacterClass =
            letters == .withMarks
            ? [.whitespace, .letter, .number, .mark] : [.whitespace, .letter, .number]
        let first = text.ascii(start) == UInt8(ascii: " ") ? start + 1 : start
        var index = first
        while index < end, !text.classes[index].isAny(excluded) { index += 1 }
        if index == first { return nil }
        while index < end, isPunctuationTail(text, index) { index += 1 }
        return index
    }

    private func isPunctuationTail(_ text: ClassifiedText, _ index: Int) -> Bool {
        switch punctuationTail {
        case .none: false
        case .newlines: text.classes[index].isAny(.newline)
        case .newlinesAndSlashes:
            text.classes[index].isAny(.newline) || text.ascii(index) == UInt8(ascii: "/")
        }
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`; a character that nothing matches is a word of its own.
    private func whitespaceEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int {
        var index = start
        var afterNewline: Int?
        while index < end, text.classes[index].isAny(.whitespace) {
            if text.classes[index].isAny(.newline) { afterNewline = index + 1 }
            index += 1
        }
        if endsSpaceAtNewline, let afterNewline { return afterNewline }
        if index == end { return max(index, start + 1) }
        return max(index - 1, start + 1)
    }
}
