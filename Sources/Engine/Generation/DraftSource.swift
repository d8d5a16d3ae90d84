// SPDX-License-Identifier: Apache-2.0

/// Guesses how an answer goes on, from what stands in its prompt, in the answer so far, and in what
/// the client predicts.
///
/// A guess is what came after the same ``gramCount`` tokens the last time that they appeared, or what
/// follows in the prediction. As long as guesses are right it reads on from there.
package struct DraftSource {
    /// Where a guess comes from.
    package enum Origin: Hashable, Sendable {
        /// The prompt or the answer.
        case text

        /// What the client predicts.
        case prediction
    }

    /// How many tokens must be the same before what follows them is worth a guess.
    package static let gramCount = 3

    /// How far ahead the prediction is searched for the place where the answer has got to.
    private static let searchCount = 1_024

    /// The prediction, then the prompt, then the answer.
    private var tokens: [Int32]
    private let predictionCount: Int

    /// The place after ``gramCount`` tokens where they appeared last, by their hash; 0 for none.
    ///
    /// Of several with one hash the last one counts.
    private var places: [Int32]

    /// Where the next token is expected to be found again; nil where nothing is known.
    private var cursor: Int?

    /// How far the answer has got in the prediction.
    private var predictionPlace = 0

    /// Begins with a prompt.
    ///
    /// - Parameters:
    ///   - prompt: its tokens.
    ///   - prediction: what the client takes for likely to be the answer; it may be empty.
    ///   - answerCount: how many tokens the answer has at most.
    package init(prompt: [Int32], prediction: [Int32], answerCount: Int) {
        predictionCount = prediction.count
        let count = prediction.count + prompt.count + answerCount
        tokens = []
        tokens.reserveCapacity(count)
        var placeCount = 256
        while placeCount < min(2 * count, 1 << 16) { placeCount *= 2 }
        places = Array(repeating: 0, count: placeCount)
        tokens += prediction
        for token in prompt { cursor = note(token) }
        if !prediction.isEmpty { cursor = 0 }
    }

    /// Takes the next token of the answer.
    package mutating func append(_ token: Int32) {
        let found = note(token)
        if let place = cursor, tokens[place] == token {
            cursor = place + 1
        } else {
            cursor = placeInPrediction ?? found
        }
        guard let place = cursor, place <= predictionCount else { return }
        predictionPlace = place
        // At the end of the prediction something else may be known.
        if place == predictionCount { cursor = found }
    }

    /// Adds a token.
    ///
    /// - Returns: where the tokens before it, and it, appeared before.
    private mutating func note(_ token: Int32) -> Int? {
        tokens.append(token)
        let end = tokens.count
        guard end - predictionCount >= Self.gramCount else { return nil }
        let slot = slot(before: end)
        let place = Int(places[slot])
        places[slot] = Int32(truncatingIfNeeded: end)
        return place > 0 && isSame(before: place, end) ? place : nil
    }

    private func slot(before end: Int) -> Int {
        var hash: UInt64 = 0
        for token in tokens[end - Self.gramCount..<end] {
            hash = (hash ^ UInt64(UInt32(bitPattern: token))) &* 0x9E37_79B9_7F4A_7C15
        }
        return Int(hash >> 40) & (places.count - 1)
    }

    private func isSame(before place: Int, _ end: Int) -> Bool {
        tokens[place - Self.gramCount..<place].elementsEqual(tokens[end - Self.gramCount..<end])
    }

    /// Where the last tokens of the answer appear in the prediction, after the place where it was.
    private var placeInPrediction: Int? {
        let end = tokens.count
        guard predictionCount >= Self.gramCount, end - predictionCount >= Self.gramCount else {
            return nil
        }
        let first = max(predictionPlace, Self.gramCount)
        let last = min(predictionCount, predictionPlace + Self.searchCount)
        if first > last { return nil }
        return (first...last).first { isSame(before: $0, end) }
    }

    /// What is guessed to come next.
    ///
    /// - Parameter count: how many tokens at most.
    /// - Returns: the tokens, none where nothing is known, and where they come from.
    package func draft(_ count: Int) -> (tokens: ArraySlice<Int32>, origin: Origin) {
        guard let cursor, count > 0 else { return ([], .text) }
        let isPredicted = cursor < predictionCount
        let end = min(cursor + count, isPredicted ? predictionCount : tokens.count)
        return (tokens[cursor..<end], isPredicted ? .prediction : .text)
    }
}
