// SPDX-License-Identifier: Apache-2.0

package import ModelFiles

/// Reads the vocabulary in a GGUF file's metadata, `tokenizer.ggml.*`.
///
/// `model` is `llama` (SentencePiece BPE by scores), `gemma4` (the same by a list of merges), `gpt2`
/// (byte-level BPE, words by `pre`), `bert` (WordPiece) or `t5` (SentencePiece Unigram).
package struct GGUFVocabulary {
    private let file: String
    private let metadata: GGUFMetadata
    private var warnings: [String] = []

    /// Reads the vocabulary.
    ///
    /// - Parameters:
    ///   - metadata: the file's key/value pairs.
    ///   - file: its name, for messages.
    ///   - warnings: receives what is odd but does no harm.
    /// - Returns: the vocabulary.
    /// - Throws: `TokenizerError`, naming the key.
    package static func vocabulary(
        of metadata: GGUFMetadata, file: String, warnings: inout [String]
    ) throws(TokenizerError) -> VocabularyContent {
        var reader = GGUFVocabulary(file: file, metadata: metadata)
        let content: VocabularyContent
        switch try reader.text("model") {
        case "llama": content = .sentencePiece(try reader.sentencePiece())
        case "gemma4": content = .sentencePiece(try reader.gemma())
        case "gpt2": content = .byteLevel(try reader.byteLevel())
        case "t5": content = .sentencePiece(try reader.unigram())
        case "bert": content = .wordPiece(try reader.wordPiece())
        case let model?:
            throw .unsupported(file: file, feature: "tokenizer.ggml.model \(quoted(model))")
        case nil: throw reader.malformed("model", "there is none")
        }
        warnings += reader.warnings
        return content
    }

    /// Builds the tokenizer; what is odd but does no harm is passed over.
    ///
    /// - Throws: `TokenizerError`, naming the key.
    package static func tokenizer(
        of metadata: GGUFMetadata, file: String
    ) throws(TokenizerError) -> VocabularyTokenizer {
        var warnings: [String] = []
        return try vocabulary(of: metadata, file: file, warnings: &warnings).tokenizer()
    }

    private init(file: String, metadata: GGUFMetadata) {
        self.file = file
        self.metadata = metadata
    }

    // MARK: The kinds

    private func scores() throws(TokenizerError) -> [Float] {
        guard let scores = value("scores")?.arrayValue?.floats else {
            throw malformed("scores", "expected an array of floating-point numbers")
        }
        return scores
    }

    private mutating func unigram() throws(TokenizerError) -> SentencePieceVocabulary {
        let pieces = try pieces()
        var kinds = try kinds(pieces.count)
        var special = try special(pieces, &kinds, bos: nil, eos: 1, unknown: 2)
        special.addsBOS = try flag("add_bos_token") ?? false
        special.addsEOS = try flag("add_eos_token") ?? true
        var spaces = SpaceRule(prefix: try flag("add_space_prefix") ?? true ? .always : .never)
        spaces.removesExtraSpaces = try flag("remove_extra_whitespaces") ?? false
        spaces.followsSentencePiece = true
        var vocabulary = SentencePieceVocabulary(
            file: file, pieces: pieces,
            order: .unigram(try scores().map(Double.init), roundsSums: true), kinds: kinds,
            special: special, spaces: spaces, hasByteFallback: kinds.contains(.byte))
        if let map = try characterMap() {
            vocabulary.normalization = TextNormalization(steps: [.map(map, .longest)])
        }
        return vocabulary
    }

    private func characterMap() throws(TokenizerError) -> CharacterMap? {
        let name = "precompiled_charsmap"
        guard let value = value(name) else { return nil }
        let bytes: [UInt8]
        switch value {
        case .array(.uint8(let numbers)): bytes = numbers
        case .array(.int8(let numbers)): bytes = numbers.map(UInt8.init(bitPattern:))
        default: throw malformed(name, "expected an array of bytes")
        }
        if bytes.isEmpty { return nil }
        do {
            return try CharacterMap(bytes)
        } catch {
            throw malformed(name, error.reason)
        }
    }

    private mutating func sentencePiece() throws(TokenizerError) -> SentencePieceVocabulary {
        let pieces = try pieces()
        let scores = try scores()
        var kinds = try kinds(pieces.count)
        var special = try special(pieces, &kinds, bos: 1, eos: 2, unknown: 0)
        special.addsBOS = try flag("add_bos_token") ?? true
        var spaces = SpaceRule(prefix: try flag("add_space_prefix") ?? true ? .always : .never)
        spaces.removesExtraSpaces = try flag("remove_extra_whitespaces") ?? false
        return SentencePieceVocabulary(
            file: file, pieces: pieces, order: .scores(scores), kinds: kinds, special: special,
            spaces: spaces, hasByteFallback: kinds.contains(.byte))
    }

    /// Merges run over the whole text, lines included: no token has a line break beside anything else,
    /// so that cutting at line breaks, as llama.cpp does, gives the same.
    private mutating func gemma() throws(TokenizerError) -> SentencePieceVocabulary {
        let pieces = try pieces()
        var kinds = try kinds(pieces.count)
        var special = try special(pieces, &kinds, bos: 2, eos: 1, unknown: 3)
        // Early files say false; llama.cpp passes over that.
        special.addsBOS = true
        return SentencePieceVocabulary(
            file: file, pieces: pieces, order: .merges(try merges()), kinds: kinds,
            special: special,
            spaces: SpaceRule(prefix: try flag("add_space_prefix") ?? false ? .always : .never),
            hasByteFallback: kinds.contains(.byte))
    }

    private mutating func byteLevel() throws(TokenizerError) -> ByteLevelVocabulary {
        let pieces = try pieces()
        var kinds = try kinds(pieces.count)
        let name = try text("pre") ?? "default"
        guard let preset = PreTokenizerPreset(ggufName: name) else {
            throw .unsupported(file: file, feature: "tokenizer.ggml.pre \(quoted(name))")
        }
        var special = try special(pieces, &kinds, bos: nil, eos: nil, unknown: nil)
        special.addsBOS = try flag("add_bos_token") ?? preset.addsBOS
        var vocabulary = ByteLevelVocabulary(
            file: file, pieces: pieces, kinds: kinds, merges: try merges(), special: special,
            preTokenizer: preset.preTokenizer)
        vocabulary.ignoresMerges = preset.ignoresMerges
        vocabulary.composes = preset.composes
        vocabulary.addsPrefixSpace = try flag("add_space_prefix") ?? false
        return vocabulary
    }

    /// Pieces that begin words are marked in these files, not those that go on with them.
    private mutating func wordPiece() throws(TokenizerError) -> WordPieceVocabulary {
        let pieces = try pieces()
        var kinds = try kinds(pieces.count)
        func named(_ name: String) -> Int32? { pieces.firstIndex(of: name).map(Int32.init) }
        var special = try special(
            pieces, &kinds, bos: named("[CLS]"), eos: named("[SEP]"), unknown: named("[UNK]"))
        // Files of different years have different keys for the same two.
        special.bos = try id("cls_token_id", pieces.count) ?? special.bos
        for key in ["seperator_token_id", "sep_token_id"] {
            special.eos = try id(key, pieces.count) ?? special.eos
        }
        special.addsBOS = try flag("add_bos_token") ?? true
        special.addsEOS = try flag("add_eos_token") ?? true
        for name in ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"] {
            if let id = named(name) { kinds[Int(id)] = .control }
        }
        var vocabulary = WordPieceVocabulary(
            file: file, pieces: pieces, kinds: kinds, special: special)
        vocabulary.marking = .beginning("\u{2581}")
        // The files do not say it; a vocabulary with capital letters was made of texts with them.
        let hasCapitals = pieces.indices.contains { index in
            kinds[index] == .normal && pieces[index].utf8.contains { (0x41...0x5A).contains($0) }
                && !pieces[index].hasPrefix("[")
        }
        vocabulary.normalizer.lowercases = !hasCapitals
        vocabulary.normalizer.stripsAccents = !hasCapitals
        return vocabulary
    }

    // MARK: Lists

    private func pieces() throws(TokenizerError) -> [String] {
        guard let pieces = value("tokens")?.arrayValue?.strings else {
            throw malformed("tokens", "expected an array of strings")
        }
        guard (1...VocabularyLimits.tokenCount).contains(pieces.count) else {
            throw malformed(
                "tokens", "\(pieces.count) of them, not 1...\(VocabularyLimits.tokenCount)")
        }
        return pieces
    }

    private func kinds(_ count: Int) throws(TokenizerError) -> [TokenKind] {
        guard let value = value("token_type") else {
            return Array(repeating: .normal, count: count)
        }
        guard let numbers = value.arrayValue?.int32s, numbers.count == count else {
            throw malformed("token_type", "expected an array of \(count) integers")
        }
        var kinds: [TokenKind] = []
        kinds.reserveCapacity(count)
        for (index, number) in numbers.enumerated() {
            guard let kind = UInt8(exactly: number).flatMap(TokenKind.init) else {
                throw malformed("token_type[\(index)]", "\(number) is not a type")
            }
            kinds.append(kind)
        }
        return kinds
    }

    private func merges() throws(TokenizerError) -> [(left: String, right: String)] {
        guard let texts = value("merges")?.arrayValue?.strings else {
            throw malformed("merges", "expected an array of strings")
        }
        var merges: [(left: String, right: String)] = []
        merges.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() {
            guard let merge = splitMerge(text) else {
                throw malformed("merges[\(index)]", "\(quoted(text)) is not two tokens")
            }
            merges.append(merge)
        }
        return merges
    }

    // MARK: Special tokens

    private mutating func special(
        _ pieces: [String], _ kinds: inout [TokenKind], bos: Int32?, eos: Int32?, unknown: Int32?
    ) throws(TokenizerError) -> SpecialTokens {
        func known(_ id: Int32?) -> Int32? { id.flatMap { $0 < pieces.count ? $0 : nil } }
        var special = SpecialTokens(
            bos: try id("bos_token_id", pieces.count) ?? known(bos),
            eos: try id("eos_token_id", pieces.count) ?? known(eos),
            unknown: try id("unknown_token_id", pieces.count) ?? known(unknown),
            addsEOS: try flag("add_eos_token") ?? false)
        for key in ["eot_token_id", "eom_token_id"] {
            if let id = try id(key, pieces.count) { special.stops.insert(id) }
        }
        TurnMarkers.mark(pieces, &kinds, special)
        special.stops.formUnion(
            TurnMarkers.ends(
                in: pieces.indices.lazy.filter { [kinds] in kinds[$0] == .control }
                    .map { (Int32($0), pieces[$0]) }))
        return special
    }

    private mutating func id(_ name: String, _ count: Int) throws(TokenizerError) -> Int32? {
        guard let value = value(name) else { return nil }
        guard let id = value.intValue else { throw malformed(name, "expected an integer") }
        // Files write 2³²−1 where they mean that there is no such token.
        if id == Int(UInt32.max) || id == -1 { return nil }
        guard id >= 0 else { throw malformed(name, "\(id) is no token id") }
        guard id < count else {
            warnings.append(
                "tokenizer.ggml.\(name) is \(id), but there are \(count) tokens: left out")
            return nil
        }
        return Int32(id)
    }

    // MARK: Values

    private func value(_ name: String) -> GGUFValue? {
        metadata["tokenizer.ggml.\(name)"]
    }

    private func text(_ name: String) throws(TokenizerError) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.stringValue else { throw malformed(name, "expected a string") }
        return text
    }

    private func flag(_ name: String) throws(TokenizerError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let flag = value.boolValue else { throw malformed(name, "expected true or false") }
        return flag
    }

    private func malformed(_ name: String, _ reason: String) -> TokenizerError {
        .malformed(file: file, field: "tokenizer.ggml.\(name)", reason: reason)
    }
}
