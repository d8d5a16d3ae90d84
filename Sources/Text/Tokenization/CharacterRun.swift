// SPDX-License-Identifier: Apache-2.0

/// Runs of characters of one kind, as the expressions `[…]+` and `\s?[…]+` take them.
///
/// What lies between two runs stays together.
package struct CharacterRun: Hashable, Sendable {
    /// Which characters a run is made of.
    package enum Kind: Sendable {
        /// `\p{L}`
        case letters
        /// `\p{P}`
        case punctuation
        /// Letters of the scripts that have upper and lower case, as DeepSeek LLM lists them.
        case casedLetters
        /// Marks of ASCII, their wide forms and some others, as DeepSeek LLM lists them.
        case commonMarks
        /// All from U+0800 to the ideographs, and Hangul, as DeepSeek's first models list them.
        case eastern
    }

    /// Which characters a run is made of.
    package var kind: Kind
    /// Whether one whitespace character before it belongs to it.
    package var takesSpace: Bool

    /// Words of letters, `\s?\p{L}+`.
    package static let letters = CharacterRun(kind: .letters, takesSpace: true)
    /// Words of punctuation, `\s?\p{P}+`.
    package static let punctuation = CharacterRun(kind: .punctuation, takesSpace: true)
    /// DeepSeek LLM's words of letters, `\s?[A-Za-zµÀ-Ö…]+`.
    package static let casedLetters = CharacterRun(kind: .casedLetters, takesSpace: true)
    /// DeepSeek LLM's words of marks, `\s?[!-/:-~…]+`.
    package static let commonMarks = CharacterRun(kind: .commonMarks, takesSpace: true)
    /// Words of most other scripts, `[一-龥ࠀ-一가-\u{D7FF}]+`.
    package static let eastern = CharacterRun(kind: .eastern, takesSpace: false)

    private static let all = [letters, punctuation, casedLetters, commonMarks, eastern]

    /// As a regular expression writes it.
    private var expression: String {
        let set =
            switch kind {
            case .letters: #"\p{L}"#
            case .punctuation: #"\p{P}"#
            case .casedLetters: "[\(Self.casedLetterList)]"
            case .commonMarks: "[\(Self.commonMarkList)]"
            case .eastern: "[\(Self.easternList)]"
            }
        return (takesSpace ? #"\s?"# : "") + set + "+"
    }

    /// The runs that a regular expression describes, if they are known ones.
    package init?(expression: String) {
        // Scalar by scalar: U+212A, the Kelvin sign, equals a K, and the set with that is another.
        let known = Self.all.first { run in
            run.expression.unicodeScalars.elementsEqual(expression.unicodeScalars)
        }
        guard let known else { return nil }
        self = known
    }

    private init(kind: Kind, takesSpace: Bool) {
        self.kind = kind
        self.takesSpace = takesSpace
    }

    /// The end of the run, or of what lies before the next one.
    ///
    /// - Parameters:
    ///   - start: the first character.
    ///   - end: where the text ends for this search; nothing behind it is looked at.
    ///   - text: the classified text.
    /// - Returns: an index in `start + 1 ... end`.
    /// - Complexity: O(n) for all of a text.
    func end(from start: Int, before end: Int, in text: ClassifiedText) -> Int {
        var index = start
        while index < end {
            let first = takesSpace && text.classes[index].isAny(.whitespace) ? index + 1 : index
            for begin in first == index ? [index] : [first, index]
            where begin < end && contains(text, begin) {
                if index > start { return index }
                var runEnd = begin + 1
                while runEnd < end, contains(text, runEnd) { runEnd += 1 }
                return runEnd
            }
            index += 1
        }
        return end
    }

    private func contains(_ text: ClassifiedText, _ index: Int) -> Bool {
        switch kind {
        case .letters: text.classes[index].isAny(.letter)
        case .punctuation: text.classes[index].isAny(.punctuation)
        case .casedLetters: Self.casedLetterSet.contains(text.scalarValue(index))
        case .commonMarks: Self.commonMarkSet.contains(text.scalarValue(index))
        case .eastern: Self.easternSet.contains(text.scalarValue(index))
        }
    }

    // MARK: Listed sets

    /// Ranges of characters, in order.
    private struct RangeSet: Sendable {
        let ranges: [ClosedRange<UInt32>]

        /// The set that stands between brackets in a regular expression.
        init(list: String) {
            let scalars = list.unicodeScalars.map(\.value)
            var ranges: [ClosedRange<UInt32>] = []
            var index = 0
            while index < scalars.count {
                let isRange = index + 2 < scalars.count && scalars[index + 1] == 0x2D
                ranges.append(scalars[index]...scalars[isRange ? index + 2 : index])
                index += isRange ? 3 : 1
            }
            self.ranges = ranges.sorted { $0.lowerBound < $1.lowerBound }
        }

        /// - Complexity: O(log n).
        func contains(_ value: UInt32) -> Bool {
            var low = 0
            var high = ranges.count
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
            }
            return low < ranges.count && ranges[low].contains(value)
        }
    }

    private static let casedLetterSet = RangeSet(list: casedLetterList)
    private static let commonMarkSet = RangeSet(list: commonMarkList)
    private static let easternSet = RangeSet(list: easternList)

    private static let easternList = "\u{4E00}-\u{9FA5}\u{800}-\u{4E00}\u{AC00}-\u{D7FF}"
    private static let commonMarkList =
        "!-/:-~\u{FF01}-\u{FF0F}\u{FF1A}-\u{FF5E}\u{2018}-\u{201F}\u{3000}-\u{3002}"
    private static let casedLetterList =
        "A-Za-z\u{B5}\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{1BA}\u{1BC}-\u{1BF}"
        + "\u{1C4}-\u{293}\u{295}-\u{2AF}\u{370}-\u{373}\u{376}\u{377}\u{37B}-\u{37D}"
        + "\u{37F}\u{386}\u{388}-\u{38A}\u{38C}\u{38E}-\u{3A1}\u{3A3}-\u{3F5}"
        + "\u{3F7}-\u{481}\u{48A}-\u{52F}\u{531}-\u{556}\u{10A0}-\u{10C5}"
        + "\u{13A0}-\u{13F5}\u{13F8}-\u{13FD}\u{1C90}-\u{1CBA}\u{1CBD}-\u{1CBF}"
        + "\u{1D00}-\u{1D2B}\u{1D6B}-\u{1D77}\u{1D79}-\u{1D9A}\u{1E00}-\u{1F15}"
        + "\u{1F18}-\u{1F1D}\u{1F20}-\u{1F45}\u{1F48}-\u{1F4D}\u{1F50}-\u{1F57}"
        + "\u{1F59}\u{1F5B}\u{1F5D}\u{1F5F}-\u{1F7D}\u{1F80}-\u{1FB4}"
        + "\u{1FB6}-\u{1FBC}\u{1FBE}\u{1FC2}-\u{1FC4}\u{1FC6}-\u{1FCC}"
        + "\u{1FD0}-\u{1FD3}\u{1FD6}-\u{1FDB}\u{1FE0}-\u{1FEC}\u{1FF2}-\u{1FF4}"
        + "\u{1FF6}-\u{1FFC}\u{2102}\u{2107}\u{210A}-\u{2113}\u{2115}"
        + "\u{2119}-\u{211D}\u{2124}\u{2126}\u{2128}\u{212A}-\u{212D}"
        + "\u{212F}-\u{2134}\u{2139}\u{213C}-\u{213F}\u{2145}-\u{2149}\u{214E}"
        + "\u{2183}\u{2184}\u{2C00}-\u{2C7B}\u{2C7E}-\u{2CE4}\u{2CEB}-\u{2CEE}"
        + "\u{2CF2}\u{2CF3}\u{A640}-\u{A66D}\u{A680}-\u{A69B}\u{A722}-\u{A76F}"
        + "\u{A771}-\u{A787}\u{A78B}-\u{A78E}\u{AB70}-\u{ABBF}\u{FB00}-\u{FB06}"
        + "\u{FB13}-\u{FB17}\u{FF21}-\u{FF3A}\u{FF41}-\u{FF5A}\u{10400}-\u{1044F}"
        + "\u{104B0}-\u{104D3}\u{104D8}-\u{104FB}\u{10C80}-\u{10CB2}"
        + "\u{10CC0}-\u{10CF2}\u{118A0}-\u{118DF}\u{1E900}-\u{1E943}"
}
