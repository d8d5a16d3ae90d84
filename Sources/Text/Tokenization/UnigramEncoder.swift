// SPDX-License-Identifier: Apache-2.0

/// Cuts a text into the pieces whose scores add up to most, as SentencePiece's Unigram models do.
///
/// Scores are logarithms of probabilities. Of equal sums the one found first counts: of the pieces
/// that end at a place, the one that begins first.
///
/// - Complexity: O(n·m) for a text of n bytes and a longest piece of m bytes.
/// - Source: `unigram_model.cc` of SentencePiece, `EncodeOptimized`; `unigram/model.rs` of tokenizers.
struct UnigramEncoder: TextEncoder {
    /// The pieces that a text can be cut into.
    let trie: PieceTrie

    /// The score of each token, by id.
    let scores: [Double]

    /// The score of a character that is no piece.
    let unknownScore: Double

    /// Whether sums are rounded to 32 bits, as SentencePiece has them; else they are of 64.
    let roundsSums: Bool

    /// Which characters stand side by side in any piece; between others the text is cut anyway.
    let neighbours: CharacterPairs

    /// What is done with the text before.
    let normalization: TextNormalization

    /// How spaces are written.
    let spaces: SpaceRule

    /// Tokens that are not normalized.
    let userDefined: AddedTokens

    /// The token of each byte, for characters that are no piece; empty without byte fallback.
    let byteTokens: [Int32?]

    /// Stands for what cannot be spelled otherwise; nil drops it.
    let unknown: Int32?

    /// Longer pieces are never found, so that no file can make a text cost the square of its length;
    /// trainers make pieces of 16 characters.
    private static let longestPiece = 1024

    var addsLeadingSpace: Bool { spaces.prefix != .never }
    /// Runs of unknown characters are one token.
    var shrinkage: Int? { nil }
    var isDropped: [Bool] { [] }

    func encode(_ text: [UInt8], isFirst: Bool, limit: Int, into tokens: inout [Int32]) {
        let normalized = normalization.apply(to: text, sparing: userDefined)
        let text = spaces.apply(to: normalized, isFirst: isFirst)
        var lattice = Lattice()
        var isAfterUnknown = false
        var sum = 0.0
        var start = 0
        while start < text.count {
            if tokens.count > limit { return }
            if spaces.splitsWords, SpaceRule.isMark(text, at: start) {
                // A word begins, and with it another sum.
                isAfterUnknown = false
                sum = 0
            }
            let end = cut(text, from: start)
            sum = solve(text, start..<end, sum, &lattice)
            for piece in lattice.path(start..<end).reversed() {
                append(piece, text, &isAfterUnknown, into: &tokens)
            }
            start = end
        }
    }

    /// The next place that no piece goes across.
    private func cut(_ text: [UInt8], from start: Int) -> Int {
        var index = start
        var last: UInt32?
        while index < text.count {
            let end = Self.characterEnd(text, index)
            let character = CharacterPairs.character(text[index..<end])
            if let last {
                if !neighbours.contains(last, character) { return index }
                if spaces.splitsWords, SpaceRule.isMark(text, at: index) { return index }
            }
            last = character
            index = end
        }
        return index
    }

    private static func characterEnd(_ text: [UInt8], _ index: Int) -> Int {
        let lead = text[index]
        return min(text.count, index + (lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4))
    }

    /// Finds the best way to each place of a range.
    ///
    /// - Returns: the sum of the best way through all of it.
    private func solve(
        _ text: [UInt8], _ range: Range<Int>, _ before: Double, _ lattice: inout Lattice
    ) -> Double {
        lattice.reset(count: range.count, sum: before)
        var start = range.lowerBound
        while start < range.upperBound {
            let end = Self.characterEnd(text, start)
            let here = start - range.lowerBound
            let sum = lattice.sums[here]
            var hasWholeCharacter = false
            let limit = min(range.upperBound, start + Self.longestPiece)
            trie.forEachPiece(of: text, from: start, before: limit) { token, byteCount in
                hasWholeCharacter = hasWholeCharacter || byteCount == end - start
                lattice.offer(
                    scores[Int(token)] + sum, token, from: here, to: here + byteCount,
                    rounded: roundsSums)
            }
            if !hasWholeCharacter {
                lattice.offer(
                    unknownScore + sum, Lattice.unknown, from: here, to: here + end - start,
                    rounded: roundsSums)
            }
            start = end
        }
        return lattice.sums[range.count]
    }

    private func append(
        _ piece: Lattice.Piece, _ text: [UInt8], _ isAfterUnknown: inout Bool,
        into tokens: inout [Int32]
    ) {
        if piece.token != Lattice.unknown {
            tokens.append(piece.token)
            isAfterUnknown = false
            return
        }
        let bytes = byteTokens.isEmpty ? [] : piece.bytes.compactMap { byteTokens[Int(text[$0])] }
        if bytes.count == piece.bytes.count {
            tokens.append(contentsOf: bytes)
            isAfterUnknown = false
        } else {
            // A run of unknown characters is one token.
            if let unknown, !isAfterUnknown { tokens.append(unknown) }
            isAfterUnknown = true
        }
    }
}

/// The best way to each place of a text.
private struct Lattice {
    struct Piece {
        var token: Int32
        var bytes: Range<Int>
    }

    static let unknown: Int32 = -1

    /// The sum of the scores on the best way to each place.
    private(set) var sums: [Double] = []
    /// Where the last piece of that way begins; -1 where there is none yet.
    private var starts: [Int32] = []
    private var tokens: [Int32] = []

    mutating func reset(count: Int, sum: Double) {
        sums.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        tokens.removeAll(keepingCapacity: true)
        sums.append(sum)
        sums.append(contentsOf: repeatElement(0, count: count))
        starts.append(contentsOf: repeatElement(-1, count: count + 1))
        tokens.append(contentsOf: repeatElement(Self.unknown, count: count + 1))
    }

    mutating func offer(
        _ sum: Double, _ token: Int32, from start: Int, to end: Int, rounded: Bool
    ) {
        let sum = rounded ? Double(Float(sum)) : sum
        guard starts[end] < 0 || sum > sums[end] else { return }
        sums[end] = sum
        starts[end] = Int32(start)
        tokens[end] = token
    }

    /// The pieces of the best way, the last first.
    func path(_ range: Range<Int>) -> [Piece] {
        var pieces: [Piece] = []
        var end = range.count
        while end > 0 {
            let start = Int(starts[end])
            let bytes = range.lowerBound + start..<range.lowerBound + end
            pieces.append(Piece(token: tokens[end], bytes: bytes))
            end = start
        }
        return pieces
    }
}
