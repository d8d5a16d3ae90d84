// SPDX-License-Identifier: Apache-2.0

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
        case .cased:
            guard let word = casedEnd(start, end, text) else { return nil }
            return contractions == .suffix ? contractionEnd(word, end, text) ?? word : word
        }
    }

    /// The set `[^\r\n\p{L}\p{N}]`.
    private func mayPrecedeLetters(_ character: CharacterClass) -> Bool {
        !character.isAny([.newline, .letter, .number])
    }

    private func runEnd(
        _ start: Int, _ end: Int, _ text: ClassifiedText, _ set: CharacterClass
    ) -> Int? {
        var index = start
        while index < end, text.classes[index].isAny(set) { index += 1 }
        return index > start ? index : nil
    }

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
        let upperRun = runEnd(start, end, text, upper) ?? start
        if let match = runEnd(upperRun, end, text, lower) { return match }
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
        guard let upper = runEnd(start, end, text, [.uppercase, .caseless, .mark]) else {
            return nil
        }
        return runEnd(upper, end, text, [.lowercase, .caseless, .mark]) ?? upper
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
