// SPDX-License-Identifier: Apache-2.0

/// The regular expression by which DeepSeek V3 splits what its other passes have left.
///
/// Unlike those of `WordPattern` it does not match every character: numbers and controls, for example,
/// are words only where something else of it takes them.
enum DeepSeekPattern {
    /// As a regular expression writes it.
    private static let expression =
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"##
        + #" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// Whether it is what a tokenizer file states, which may have the ends of lines as they are.
    static func isExpressed(by other: String) -> Bool {
        // Scalar by scalar: both ends together are one character.
        other.unicodeScalars.map { scalar in
            scalar == "\r" ? #"\r"# : scalar == "\n" ? #"\n"# : String(scalar)
        }.joined() == expression
    }

    /// The end of the word that begins at `start`: the first alternative that matches.
    ///
    /// - Parameters:
    ///   - start: the first character of the word.
    ///   - end: where the text ends for this search; nothing behind it is looked at.
    ///   - text: the classified text.
    /// - Returns: an index in `start + 1 ... end`; nil where nothing matches.
    static func wordEnd(from start: Int, before end: Int, in text: ClassifiedText) -> Int? {
        asciiEnd(start, end, text) ?? lettersEnd(start, end, text)
            ?? punctuationEnd(start, end, text) ?? whitespaceEnd(start, end, text)
    }

    /// A mark of ASCII and the letters of ASCII after it.
    private static func asciiEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        switch text.ascii(start) {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: break
        default: return nil
        }
        var index = start + 1
        while index < end, isASCIILetter(text.ascii(index)) { index += 1 }
        return index > start + 1 ? index : nil
    }

    private static func isASCIILetter(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private static func lettersEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        let mayPrecede = !text.classes[start].isAny([.newline, .letter, .punctuation, .symbol])
        if mayPrecede, let match = runEnd(start + 1, end, text, [.letter, .mark]) { return match }
        return runEnd(start, end, text, [.letter, .mark])
    }

    private static func punctuationEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        let first = text.ascii(start) == UInt8(ascii: " ") ? start + 1 : start
        guard let match = runEnd(first, end, text, [.punctuation, .symbol]) else { return nil }
        return runEnd(match, end, text, .newline) ?? match
    }

    private static func whitespaceEnd(_ start: Int, _ end: Int, _ text: ClassifiedText) -> Int? {
        guard let run = runEnd(start, end, text, .whitespace) else { return nil }
        if let newline = (start..<run).last(where: { text.classes[$0].isAny(.newline) }) {
            return newline + 1
        }
        return run == end ? run : max(run - 1, start + 1)
    }

    private static func runEnd(
        _ start: Int, _ end: Int, _ text: ClassifiedText, _ set: CharacterClass
    ) -> Int? {
        var index = start
        while index < end, text.classes[index].isAny(set) { index += 1 }
        return index > start ? index : nil
    }
}
