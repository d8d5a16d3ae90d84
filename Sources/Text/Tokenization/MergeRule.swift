// SPDX-License-Identifier: Apache-2.0

/// A possible merge of two neighbours: the lowest priority value is taken first.
package struct Merge: Hashable, Sendable {
    /// The order among merges; `UInt32.max` is never used.
    package var priority: UInt32

    /// The token that the two become.
    package var token: Int32
}

/// A piece of a word on its way through the merges.
package struct MergeSymbol {
    /// The token it is so far; negative if the bytes are no token.
    package var token: Int32

    /// Where its bytes are.
    package var bytes: Range<Int>
}

/// Says which neighbours merge.
protocol MergeRule {
    /// The merge of two neighbouring symbols of `text`, if they have one.
    func merge(_ left: MergeSymbol, _ right: MergeSymbol, of text: [UInt8]) -> Merge?
}

/// Merges from an ordered list of token pairs (GPT-2, Hugging Face).
package struct PairMergeRule: MergeRule, Sendable {
    let table: PairTable

    func merge(_ left: MergeSymbol, _ right: MergeSymbol, of text: [UInt8]) -> Merge? {
        left.token < 0 || right.token < 0 ? nil : table.merge(left.token, right.token)
    }
}

/// Merges whatever makes a token, by the token's priority (SentencePiece scores, tiktoken ranks).
package struct PieceMergeRule: MergeRule, Sendable {
    let table: TokenTable

    /// The priority of each token, by id.
    let priorities: [UInt32]

    func merge(_ left: MergeSymbol, _ right: MergeSymbol, of text: [UInt8]) -> Merge? {
        let range = left.bytes.lowerBound..<right.bytes.upperBound
        guard let token = table.token(of: text, in: range) else { return nil }
        return Merge(priority: priorities[Int(token)], token: token)
    }

    /// Priorities that order tokens as descending scores do; equal scores give equal priorities.
    static func priorities(ofScores scores: [Float]) -> [UInt32] {
        scores.map { score in
            let bits = (score == 0 ? 0 : score).bitPattern
            let ascending = bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
            return min(~ascending, .max - 1)
        }
    }
}
