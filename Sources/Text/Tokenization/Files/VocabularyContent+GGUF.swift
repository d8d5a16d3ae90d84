// SPDX-License-Identifier: Apache-2.0

package import ModelFiles

extension VocabularyContent {
    /// The vocabulary as GGUF's keys, `tokenizer.ggml.*`.
    ///
    /// - Parameters:
    ///   - size: the rows of the model's token embedding; GGUF wants as many tokens.
    ///   - stops: ids that end an answer, beside those of the vocabulary.
    /// - Returns: the keys in the order in which files have them.
    /// - Throws: `TokenizerError` where the format has no words for the vocabulary.
    package func ggufMetadata(
        size: Int, stops: [Int32]
    ) throws(TokenizerError) -> GGUFMetadata {
        var result = GGUFMetadata()
        func set(_ key: String, _ value: GGUFValue) { result["tokenizer.ggml.\(key)"] = value }
        let special: SpecialTokens
        var content = self
        _ = content.removeAddedTokens(beyond: size)
        switch content {
        case .sentencePiece(let vocabulary):
            guard vocabulary.normalization == .none, !vocabulary.spaces.dropsWhitespace else {
                throw .unsupported(
                    file: vocabulary.file, feature: "in a GGUF file this way to normalize text")
            }
            special = vocabulary.special
            if vocabulary.isGemma, case .merges(let merges) = vocabulary.order {
                set("model", .string("gemma4"))
                setTokens(vocabulary.pieces, vocabulary.kinds)
                set("merges", .array(.string(merges.map { "\($0.left) \($0.right)" })))
            } else {
                set("model", .string("llama"))
                set("pre", .string("default"))
                setTokens(vocabulary.pieces, vocabulary.kinds)
                let scores = try vocabulary.ggufScores()
                let rest = max(size - scores.count, 0)
                set("scores", .array(.float32(scores + [Float](repeating: -1e4, count: rest))))
            }
            set("add_space_prefix", .bool(vocabulary.spaces.prefix != .never))
            if vocabulary.spaces.removesExtraSpaces { set("remove_extra_whitespaces", .bool(true)) }
        case .byteLevel(let vocabulary):
            special = vocabulary.special
            guard let name = PreTokenizerPreset.ggufName(of: vocabulary) else {
                throw .unsupported(
                    file: vocabulary.file, feature: "in a GGUF file this way to split words")
            }
            set("model", .string("gpt2"))
            set("pre", .string(name))
            setTokens(vocabulary.pieces, vocabulary.kinds)
            set("merges", .array(.string(vocabulary.merges.map { "\($0.left) \($0.right)" })))
            if vocabulary.addsPrefixSpace { set("add_space_prefix", .bool(true)) }
        case .wordPiece(let vocabulary):
            throw .unsupported(
                file: vocabulary.file,
                feature: "in a GGUF file this vocabulary; encoders are served as they are")
        case .ranked(let vocabulary):
            throw .unsupported(
                file: vocabulary.file,
                feature: "in a GGUF file without its merges; put the model's tokenizer.json in the "
                    + "folder and take this file out")
        }
        func setTokens(_ pieces: [String], _ kinds: [TokenKind]) {
            // Ids that nothing is spelled with still need a name of their own.
            var names = pieces + [String](repeating: "", count: max(size - pieces.count, 0))
            for index in names.indices where names[index].isEmpty { names[index] = "[PAD\(index)]" }
            let rest = repeatElement(TokenKind.unused, count: names.count - kinds.count)
            set("tokens", .array(.string(names)))
            set("token_type", .array(.int32((kinds + rest).map { Int32($0.rawValue) })))
        }
        for (key, id) in [
            ("bos_token_id", special.bos), ("eos_token_id", special.eos),
            ("unknown_token_id", special.unknown),
            ("eot_token_id", (stops + special.stops.sorted()).first { $0 != special.eos }),
        ] {
            if let id { set(key, .uint32(UInt32(bitPattern: id))) }
        }
        set("add_bos_token", .bool(special.addsBOS))
        set("add_eos_token", .bool(special.addsEOS))
        return result
    }
}

extension SentencePieceVocabulary {
    /// Whether it is a list of merges as GGUF files have Gemma 4's: without a space before texts, with
    /// tokens of bytes, and with the marks of its turns.
    fileprivate var isGemma: Bool {
        hasByteFallback && spaces == SpaceRule(prefix: .never) && pieces.contains("<turn|>")
    }

    /// A score for every token that brings about the same merges.
    ///
    /// - Throws: where merges are listed that follow from no scores.
    fileprivate func ggufScores() throws(TokenizerError) -> [Float] {
        switch order {
        case .scores(let scores): return scores
        case .merges(let merges): return try scores(of: merges)
        case .unigram:
            throw .unsupported(
                file: file,
                feature: "in a GGUF file a Unigram vocabulary; encoders are served as they are")
        }
    }

    /// The score of what no merge makes.
    private static let unmerged: Float = -1e6

    private func scores(
        of merges: [(left: String, right: String)]
    ) throws(TokenizerError) -> [Float] {
        // As bytes, for strings are equal to others that are spelled with other characters.
        let spellings = pieces.map { Array($0.utf8) }
        var ids: [[UInt8]: Int] = [:]
        for (index, spelling) in spellings.enumerated() where ids[spelling] == nil {
            ids[spelling] = index
        }
        var scores = [Float](repeating: Self.unmerged, count: pieces.count)
        var pairs: Set<[[UInt8]]> = []
        var last: Int?
        var isConsistent = true
        for (rank, merge) in merges.enumerated() {
            let pair = [Array(merge.left.utf8), Array(merge.right.utf8)]
            guard let id = ids[pair[0] + pair[1]] else { continue }
            pairs.insert(pair)
            if id == last { continue }
            // The pairs that make a token must follow each other.
            isConsistent = isConsistent && scores[id] == Self.unmerged
            scores[id] = -Float(rank)
            last = id
        }
        for (id, spelling) in spellings.enumerated() where scores[id] != Self.unmerged {
            for cut in 1..<spelling.count {
                // Scores merge every pair of tokens that makes a token.
                let pair = [Array(spelling[..<cut]), Array(spelling[cut...])]
                guard ids[pair[0]] != nil, ids[pair[1]] != nil else { continue }
                isConsistent = isConsistent && pairs.contains(pair)
            }
        }
        guard isConsistent else {
            throw .unsupported(
                file: file,
                feature:
                    "in a GGUF file this list of merges, which follows from no scores; put the "
                    + "model's tokenizer.model in the folder and take this file out")
        }
        return scores
    }
}

extension PreTokenizerPreset {
    /// The name under which GGUF files have the way in which a vocabulary splits and merges.
    fileprivate static func ggufName(of vocabulary: ByteLevelVocabulary) -> String? {
        [
            "llama-bpe", "tekken", "smollm", "gpt-2", "qwen2", "gpt-4o", "qwen35", "glm4", "dbrx",
            "stablelm2", "deepseek-v3", "deepseek-llm", "deepseek-coder", "kimi-k2",
        ]
        .first { name in
            guard let preset = Self(ggufName: name) else { return false }
            return preset.preTokenizer == vocabulary.preTokenizer
                && preset.ignoresMerges == vocabulary.ignoresMerges
                && preset.composes == vocabulary.composes
        }
    }
}
