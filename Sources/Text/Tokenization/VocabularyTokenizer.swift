// SPDX-License-Identifier: Apache-2.0

/// A tokenizer from a vocabulary, its added tokens and the way that other text is encoded.
package struct VocabularyTokenizer: Tokenizer {
    /// The tokens.
    package private(set) var vocabulary: Vocabulary
    private let addedTokens: AddedTokens
    private let encoder: any TextEncoder

    /// The most bytes of a text that one token can stand for; nil where there is no bound.
    private let longestTokenByteCount: Int?

    /// Whether a byte never becomes part of a token, by its value; empty where all do.
    private let isDropped: [Bool]

    /// Creates a tokenizer.
    ///
    /// - Parameters:
    ///   - vocabulary: the tokens.
    ///   - addedTokens: the control tokens that templates may name and the user-defined tokens;
    ///     those of the vocabulary if nil.
    ///   - encoder: encodes what lies between added tokens.
    init(vocabulary: Vocabulary, addedTokens: [AddedTokens.Token]? = nil, encoder: any TextEncoder)
    {
        self.vocabulary = vocabulary
        self.addedTokens = AddedTokens(addedTokens ?? Self.addedTokens(of: vocabulary))
        self.encoder = encoder
        isDropped = encoder.isDropped
        if let shrinkage = encoder.shrinkage, let added = self.addedTokens.longestMatchByteCount {
            let texts = vocabulary.texts
            let longest = (0..<texts.count).lazy.map { texts.range(of: $0).count }.max() ?? 0
            longestTokenByteCount = max(1, longest * shrinkage, added)
        } else {
            longestTokenByteCount = nil
        }
    }

    private static func addedTokens(of vocabulary: Vocabulary) -> [AddedTokens.Token] {
        (0..<vocabulary.count).compactMap { index in
            guard [.control, .unknown, .userDefined].contains(vocabulary.kinds[index]) else {
                return nil
            }
            let spelling = String(decoding: vocabulary.pieces[index], as: UTF8.self)
            let isControl =
                vocabulary.kinds[index] != .userDefined || TurnMarkers.looksLikeControl(spelling)
            return AddedTokens.Token(id: Int32(index), spelling: spelling, isControl: isControl)
        }
    }

    /// Makes more ids end an answer; those that do not exist are left out.
    mutating func addStops(_ tokens: [Int32]) {
        vocabulary.special.stops.formUnion(tokens.filter { vocabulary.index(of: $0) != nil })
    }

    package var vocabularyCount: Int { vocabulary.count }
    package var bosTokenID: Int32? { vocabulary.special.bos }
    package var eosTokenID: Int32? { vocabulary.special.eos ?? eosTokenIDs.min() }

    package var eosTokenIDs: Set<Int32> { vocabulary.special.stops }
    package var addsBOS: Bool { vocabulary.special.addsBOS && vocabulary.special.bos != nil }
    package var addsEOS: Bool { vocabulary.special.addsEOS && vocabulary.special.eos != nil }
    package var dropsLeadingSpace: Bool { encoder.addsLeadingSpace }

    package func encode(_ text: String, addSpecial: Bool) -> [Int32] {
        var tokens: [Int32] = []
        append(text, addSpecial: addSpecial, limit: .max, to: &tokens)
        return tokens
    }

    package func encode(
        _ text: String, addSpecial: Bool, limit: Int
    ) throws(TokenLimitError) -> [Int32] {
        try check([text], limit)
        var tokens: [Int32] = []
        append(text, addSpecial: addSpecial, limit: limit, to: &tokens)
        if tokens.count > limit { throw TokenLimitError(leastCount: tokens.count) }
        return tokens
    }

    private func append(
        _ text: String, addSpecial: Bool, limit: Int, to tokens: inout [Int32]
    ) {
        var run = Run()
        run.append(text, isTrusted: false)
        if addSpecial, addsBOS, let bos = bosTokenID { tokens.append(bos) }
        encode(run, isFirst: true, limit: limit, into: &tokens)
        if addSpecial, addsEOS, let eos = vocabulary.special.eos { tokens.append(eos) }
    }

    package func encode(_ segments: [PromptSegment]) -> [Int32] {
        var tokens: [Int32] = []
        append(segments, limit: .max, to: &tokens)
        return tokens
    }

    package func encode(
        _ segments: [PromptSegment], limit: Int
    ) throws(TokenLimitError) -> [Int32] {
        let texts = segments.map { segment in
            switch segment {
            case .text(let text), .templated(let text): text
            case .control: ""
            }
        }
        try check(texts, limit)
        var tokens: [Int32] = []
        append(segments, limit: limit, to: &tokens)
        if tokens.count > limit { throw TokenLimitError(leastCount: tokens.count) }
        return tokens
    }

    /// Throws if texts of so many bytes have too many tokens whatever they say.
    private func check(_ texts: [String], _ limit: Int) throws(TokenLimitError) {
        guard let longestTokenByteCount else { return }
        func leastCount(_ byteCount: Int) -> Int {
            (byteCount + longestTokenByteCount - 1) / longestTokenByteCount
        }
        var count = leastCount(texts.reduce(0) { $0 + $1.utf8.count })
        if count > limit, !isDropped.isEmpty {
            count = leastCount(
                texts.reduce(0) { count, text in
                    text.utf8.reduce(count) { isDropped[Int($1)] ? $0 : $0 + 1 }
                })
        }
        if count > limit { throw TokenLimitError(leastCount: count) }
    }

    private func append(_ segments: [PromptSegment], limit: Int, to tokens: inout [Int32]) {
        var run = Run()
        for segment in segments {
            switch segment {
            case .text(let text): run.append(text, isTrusted: false)
            case .templated(let text): run.append(text, isTrusted: true)
            case .control(let name):
                guard let id = id(ofControl: name) else {
                    run.append(name, isTrusted: false)
                    continue
                }
                encode(run, isFirst: tokens.isEmpty, limit: limit, into: &tokens)
                if tokens.count > limit { return }
                run = Run()
                tokens.append(id)
            }
        }
        encode(run, isFirst: tokens.isEmpty, limit: limit, into: &tokens)
    }

    private func encode(_ run: Run, isFirst: Bool, limit: Int, into tokens: inout [Int32]) {
        var isFirst = isFirst
        var start = 0
        for match in addedTokens.matches(in: run.bytes, trusted: run.trusted) {
            if match.bytes.lowerBound > start {
                let text = Array(run.bytes[start..<match.bytes.lowerBound])
                encoder.encode(text, isFirst: isFirst, limit: limit, into: &tokens)
            }
            if tokens.count > limit { return }
            tokens.append(match.token)
            isFirst = false
            start = match.bytes.upperBound
        }
        if start == 0, !run.bytes.isEmpty {
            encoder.encode(run.bytes, isFirst: isFirst, limit: limit, into: &tokens)
        } else if start < run.bytes.count {
            encoder.encode(
                Array(run.bytes[start...]), isFirst: isFirst, limit: limit, into: &tokens)
        }
    }

    package func bytes(of token: Int32) -> [UInt8] {
        vocabulary.index(of: token).map { Array(vocabulary.texts[$0]) } ?? []
    }

    package func append(bytesOf token: Int32, to bytes: inout [UInt8]) {
        if let index = vocabulary.index(of: token) { bytes += vocabulary.texts[index] }
    }

    package func isControl(_ token: Int32) -> Bool {
        vocabulary.index(of: token).map { vocabulary.kinds[$0] == .control } ?? false
    }

    package func id(ofControl name: String) -> Int32? { vocabulary.id(ofControl: name) }

    package func piece(of token: Int32) -> String {
        vocabulary.index(of: token).map {
            String(decoding: vocabulary.pieces[$0], as: UTF8.self)
        } ?? ""
    }
}

/// Neighbouring text segments of a prompt as one text that remembers which parts are trusted.
private struct Run {
    private(set) var bytes: [UInt8] = []
    private(set) var trusted: [Range<Int>] = []

    mutating func append(_ text: String, isTrusted: Bool) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        guard isTrusted, bytes.count > start else { return }
        if let last = trusted.last, last.upperBound == start {
            trusted[trusted.count - 1] = last.lowerBound..<bytes.count
        } else {
            trusted.append(start..<bytes.count)
        }
    }
}
