// SPDX-License-Identifier: Apache-2.0

/// Brings texts into the form that a WordPiece vocabulary has, and splits them into words.
///
/// - Source: `BertNormalizer` and `BertPreTokenizer` of Hugging Face's tokenizers.
package struct BertNormalizer: Sendable, Equatable {
    /// Whether control characters are left out.
    package var cleans = true
    /// Whether each ideograph is a word.
    package var separatesIdeographs = true
    /// Whether accents are left out; the text is decomposed for that.
    package var stripsAccents = true
    /// Whether capital letters become small.
    package var lowercases = true

    /// What BERT's uncased models do.
    package init() {}

    /// The words of a text, one after another, until somebody has enough.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8.
    ///   - body: receives the bytes of a word and how many characters it has, and says whether it
    ///     wants the next.
    package func forEachWord(
        of text: [UInt8], _ body: (_ word: [UInt8], _ characterCount: Int) -> Bool
    ) {
        var segment = Segment()
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            let kind = BertCharacter.of(scalar)
            if kind.contains(.removed), cleans { continue }
            if kind.contains(.whitespace) {
                guard flush(&segment, body) else { return }
            } else if kind.contains(.ideograph), separatesIdeographs {
                guard flush(&segment, body) else { return }
                segment.append(scalar)
                guard flush(&segment, body) else { return }
            } else {
                segment.append(scalar)
            }
        }
        _ = flush(&segment, body)
    }

    /// What stands between two spaces.
    private struct Segment {
        private(set) var scalars: [Unicode.Scalar] = []
        private(set) var isASCII = true

        mutating func append(_ scalar: Unicode.Scalar) {
            scalars.append(scalar)
            if !scalar.isASCII { isASCII = false }
        }

        mutating func removeAll() {
            scalars.removeAll(keepingCapacity: true)
            isASCII = true
        }
    }

    /// Hands over the words of a segment.
    private func flush(
        _ segment: inout Segment, _ body: ([UInt8], Int) -> Bool
    ) -> Bool {
        defer { segment.removeAll() }
        guard !segment.scalars.isEmpty else { return true }
        let scalars = segment.isASCII ? segment.scalars : decomposed(segment.scalars)
        var word: [UInt8] = []
        var count = 0
        func end() -> Bool {
            defer {
                word.removeAll(keepingCapacity: true)
                count = 0
            }
            return count == 0 || body(word, count)
        }
        func take(_ scalar: Unicode.Scalar) -> Bool {
            let kind = BertCharacter.of(scalar)
            // Lower case of some letters has more marks, and no spaces.
            if kind.contains(.whitespace) { return end() }
            let isAlone = kind.contains(.punctuation)
            if isAlone, !end() { return false }
            word.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
            count += 1
            return isAlone ? end() : true
        }
        for scalar in scalars {
            if !lowercases || scalar.isASCII {
                let value = scalar.value
                let isCapital = lowercases && (0x41...0x5A).contains(value)
                let small = isCapital ? Unicode.Scalar(UInt8(value + 0x20)) : scalar
                guard take(small) else { return false }
            } else {
                for small in scalar.properties.lowercaseMapping.unicodeScalars {
                    guard take(small) else { return false }
                }
            }
        }
        return end()
    }

    private func decomposed(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        guard stripsAccents else { return scalars }
        return CanonicalComposition.decompose(scalars).filter {
            !BertCharacter.of($0).contains(.accent)
        }
    }
}
