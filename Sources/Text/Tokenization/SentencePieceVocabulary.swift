// SPDX-License-Identifier: Apache-2.0

/// A vocabulary of characters as plain values, whichever file it was read from.
///
/// In BPE, SentencePiece orders merges by the scores of what they make, and Hugging Face's form of the
/// same vocabularies lists them; Unigram adds scores up.
package struct SentencePieceVocabulary: Sendable {
    /// Where it was read, for messages.
    package var file: String
    /// The spelling of every token, with U+2581 for spaces.
    package var pieces: [String]
    /// What is merged first, or what scores most.
    package var order: Order
    /// What every token is for.
    package var kinds: [TokenKind]
    /// The ids with a meaning of their own.
    package var special: SpecialTokens
    /// What is done with a text before its spaces are written.
    package var normalization = TextNormalization.none
    /// How spaces are written.
    package var spaces: SpaceRule
    /// Whether a character without a token becomes its bytes; else it is unknown.
    package var hasByteFallback: Bool
    /// The text of the unknown token.
    package var unknownText = " \u{2047} "
    /// The tokens that are matched in the text before its spaces are written; if nil, these are the
    /// control tokens, and user-defined tokens are matched afterwards, as SentencePiece does.
    package var addedTokens: [AddedTokens.Token]?
    /// Tokens that files beside the vocabulary add to it, which are matched before spaces are
    /// written, too.
    package var outerTokens: [AddedTokens.Token] = []

    /// What decides which symbols merge, and in which order.
    package enum Order: Sendable {
        /// Whatever makes a token merges, the token of the highest score first; by id.
        case scores([Float])
        /// Pairs of pieces, first to last.
        case merges([(left: String, right: String)])
        /// Unigram: the pieces whose scores add up to most; by id, with sums of 32 bits or of 64.
        case unigram([Double], roundsSums: Bool)
    }

    /// Creates a vocabulary.
    package init(
        file: String, pieces: [String], order: Order, kinds: [TokenKind],
        special: SpecialTokens, spaces: SpaceRule = SpaceRule(prefix: .always),
        hasByteFallback: Bool = true
    ) {
        self.file = file
        self.pieces = pieces
        self.order = order
        self.kinds = kinds
        self.special = special
        self.spaces = spaces
        self.hasByteFallback = hasByteFallback
    }

    /// Adds the tokens that the files beside a `tokenizer.model` list, most of them behind its own.
    ///
    /// - Throws: `TokenizerError` if there are too many tokens.
    mutating func add(_ settings: TokenizerSettings) throws(TokenizerError) {
        if case .merges = order { return }
        for var token in settings.added.values.sorted(by: { $0.id < $1.id }) {
            let index = Int(token.id)
            let missing = index + 1 - pieces.count
            if missing > 0 {
                pieces += [String](repeating: "", count: missing)
                kinds += [TokenKind](repeating: .unused, count: missing)
                addScores(missing)
            } else if pieces[index] == token.spelling,
                ![.normal, .userDefined].contains(kinds[index])
            {
                continue
            }
            let isControl =
                token.isControl || settings.specialNames.contains(token.spelling)
                || TurnMarkers.isControl(token.spelling)
            pieces[index] = token.spelling
            kinds[index] = isControl ? .control : .userDefined
            token.isControl = isControl || TurnMarkers.looksLikeControl(token.spelling)
            outerTokens.append(token)
        }
        func id(_ name: String?) -> Int32? {
            name.flatMap { name in pieces.firstIndex(of: name).map(Int32.init) }
        }
        special.bos = id(settings.bos) ?? special.bos
        special.eos = id(settings.eos) ?? special.eos
        TurnMarkers.markEnds(special, &kinds)
        for index in outerTokens.indices where kinds[Int(outerTokens[index].id)] == .control {
            outerTokens[index].isControl = true
        }
        if let eos = special.eos { special.stops.insert(eos) }
        special.stops.formUnion(
            TurnMarkers.ends(
                in: outerTokens.filter(\.isControl).map { ($0.id, $0.spelling) }))
    }

    /// Gives tokens behind the last one a score.
    private mutating func addScores(_ count: Int) {
        switch order {
        case .scores(let scores): order = .scores(scores + Array(repeating: -1e4, count: count))
        case .unigram(let scores, let roundsSums):
            order = .unigram(
                scores + Array(repeating: -1e4, count: count), roundsSums: roundsSums)
        case .merges: break
        }
    }

    /// Builds the tokenizer.
    ///
    /// - Returns: a tokenizer with SentencePiece's ids.
    /// - Throws: `TokenizerError` for a byte token that names no byte, and for counts that differ.
    package func tokenizer() throws(TokenizerError) -> VocabularyTokenizer {
        try VocabularyLimits.check(pieces, kinds, added: addedTokens, file: file)
        var texts = ByteStrings()
        var byteTokens = [Int32?](repeating: nil, count: 256)
        for (index, piece) in pieces.enumerated() {
            texts.append(try text(of: piece, index, &byteTokens))
        }
        let spellings = ByteStrings(pieces)
        let kinds = self.kinds
        let outer = Set(outerTokens.map(\.id))
        // Text that looks like a control token is matched in templates only.
        let table = TokenTable(spellings) { index in
            switch kinds[index] {
            case .normal, .unused: true
            case .userDefined:
                !outer.contains(Int32(index)) && !TurnMarkers.looksLikeControl(pieces[index])
            case .control, .unknown, .byte: false
            }
        }
        let vocabulary = Vocabulary(
            pieces: spellings, texts: texts, kinds: kinds, special: special)
        let encoder: any TextEncoder
        switch order {
        case .scores(let scores):
            encoder = self.encoder(table, try rule(table, scores), byteTokens)
        case .merges(let merges):
            let pairs = try PairTable(merges, of: table, file: file)
            encoder = self.encoder(table, PairMergeRule(table: pairs), byteTokens)
        case .unigram(let scores, let roundsSums):
            encoder = try unigramEncoder(table, scores, roundsSums, byteTokens)
        }
        return VocabularyTokenizer(
            vocabulary: vocabulary,
            addedTokens: addedTokens ?? (outerTokens + ownTokens.filter(\.isControl)),
            encoder: encoder)
    }

    private func encoder<Rule: MergeRule & Sendable>(
        _ table: TokenTable, _ rule: Rule, _ byteTokens: [Int32?]
    ) -> SentencePieceEncoder<Rule> {
        SentencePieceEncoder(
            table: table, rule: rule,
            neighbours: neighbours, normalization: normalization, spaces: spaces,
            userDefined: userDefined,
            byteTokens: hasByteFallback ? byteTokens : [], unknown: special.unknown,
            unused: kinds.contains(.unused) ? kinds.map { $0 == .unused } : [])
    }

    private var neighbours: CharacterPairs {
        CharacterPairs(
            inside: pieces.indices.lazy.filter { kinds[$0] != .control }.map { pieces[$0] })
    }

    private var userDefined: AddedTokens {
        AddedTokens(addedTokens == nil ? ownTokens.filter { !$0.isControl } : [])
    }

    /// How much less than the worst piece a character scores that is no piece.
    private static let unknownPenalty = 10.0

    private func unigramEncoder(
        _ table: TokenTable, _ scores: [Double], _ roundsSums: Bool, _ byteTokens: [Int32?]
    ) throws(TokenizerError) -> UnigramEncoder {
        try check(scores)
        var scores = scores
        var trie = PieceTrie()
        for (index, piece) in pieces.enumerated() where kinds[index] != .unused {
            if table.token(of: piece) == Int32(index) {
                trie.insert(piece.utf8, token: Int32(index))
            }
        }
        // In tokenizers' form special tokens count, too.
        let counted = scores.indices.lazy.filter { !roundsSums || kinds[$0] == .normal }
        let least = counted.map { scores[$0] }.min() ?? 0
        let most = counted.map { scores[$0] }.max() ?? 0
        for index in scores.indices where roundsSums && kinds[index] == .userDefined {
            // SentencePiece's bonus, by which these are nearly always taken.
            let byteCount = Float(pieces[index].utf8.count)
            scores[index] = Double(byteCount * Float(most)) - 0.1
        }
        let unknownScore = least - Self.unknownPenalty
        return UnigramEncoder(
            trie: trie, scores: scores,
            unknownScore: roundsSums ? Double(Float(unknownScore)) : unknownScore,
            roundsSums: roundsSums, neighbours: neighbours, normalization: normalization,
            spaces: spaces, userDefined: userDefined,
            byteTokens: hasByteFallback ? byteTokens : [], unknown: special.unknown)
    }

    private func check(_ scores: [some BinaryFloatingPoint]) throws(TokenizerError) {
        guard scores.count == pieces.count else {
            throw .malformed(
                file: file, field: "scores", reason: "\(scores.count) for \(pieces.count) tokens")
        }
        if let index = scores.firstIndex(where: \.isNaN) {
            throw .malformed(file: file, field: "score of token \(index)", reason: "not a number")
        }
    }

    private func rule(
        _ table: TokenTable, _ scores: [Float]
    ) throws(TokenizerError) -> PieceMergeRule {
        try check(scores)
        return PieceMergeRule(
            table: table, priorities: PieceMergeRule.priorities(ofScores: scores))
    }

    private func text(
        of piece: String, _ index: Int, _ byteTokens: inout [Int32?]
    ) throws(TokenizerError) -> [UInt8] {
        switch kinds[index] {
        case .control: return []
        case .unknown: return Array(unknownText.utf8)
        case .byte:
            guard let byte = Self.byte(named: piece) else {
                throw .malformed(
                    file: file, field: "token \(index)", reason: "\\(quoted(piece)) names no byte")
            }
            if byteTokens[Int(byte)] == nil { byteTokens[Int(byte)] = Int32(index) }
            return [byte]
        case .normal, .userDefined, .unused: return Self.text(of: piece)
        }
    }

    /// The text of a piece: U+2581 is a space.
    static func text(of piece: String) -> [UInt8] {
        let bytes = Array(piece.utf8)
        guard bytes.contains(SpaceRule.mark[0]) else { return bytes }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if SpaceRule.isMark(bytes, at: index) {
                result.append(UInt8(ascii: " "))
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    /// The byte that a piece such as `<0x0A>` names.
    static func byte(named piece: String) -> UInt8? {
        guard piece.utf8.count == 6, piece.hasPrefix("<0x"), piece.hasSuffix(">") else {
            return nil
        }
        return UInt8(piece.dropFirst(3).dropLast(), radix: 16)
    }

    /// The control, unknown and user-defined tokens that the vocabulary itself has.
    private var ownTokens: [AddedTokens.Token] {
        let outer = Set(outerTokens.map(\.id))
        return kinds.indices.lazy
            .filter { [.control, .unknown, .userDefined].contains(kinds[$0]) }
            .filter { !outer.contains(Int32($0)) }
            .map { index in
                AddedTokens.Token(
                    id: Int32(index), spelling: pieces[index],
                    isControl: kinds[index] != .userDefined
                        || TurnMarkers.looksLikeControl(pieces[index]))
            }
    }
}
