// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads `tokenizer.json` of Hugging Face's tokenizers: BPE models, of bytes or of characters,
/// Unigram and WordPiece models.
///
/// `HuggingFacePipeline` reads what the file says about normalization and pre-tokenization.
struct HuggingFaceTokenizerFile {
    private let file: String
    private let json: JSONValue

    /// Reads a vocabulary.
    ///
    /// - Parameters:
    ///   - json: the file's content.
    ///   - settings: what the files beside it say about special tokens.
    ///   - file: its name, for messages.
    /// - Returns: the vocabulary, of bytes or of characters.
    /// - Throws: `TokenizerError`, naming the field.
    static func vocabulary(
        of json: JSONValue, settings: TokenizerSettings = TokenizerSettings(), file: String
    ) throws(TokenizerError) -> VocabularyContent {
        let reader = HuggingFaceTokenizerFile(file: file, json: json)
        let model = try reader.model()
        var vocabulary = try reader.pieces(model)
        var added = try reader.addedTokens(&vocabulary)
        let special = try reader.special(added, vocabulary, model, settings)
        TurnMarkers.markEnds(special, &vocabulary.kinds)
        for index in added.indices where vocabulary.kinds[Int(added[index].id)] == .control {
            added[index].isControl = true
        }
        if model["type"] == "WordPiece" {
            return .wordPiece(try reader.wordPiece(vocabulary, special, added, model))
        }
        let isUnigram = model["type"] == "Unigram"
        let merges = isUnigram ? [] : try reader.merges(model)
        let pipeline = HuggingFacePipeline(json, file: file)
        let normalizer = try pipeline.normalizer()
        let words = try pipeline.words()
        if let byteLevel = words.byteLevel, !isUnigram {
            guard normalizer.replacesSpaces == false, normalizer.prefix == .never,
                normalizer.steps.isEmpty
            else {
                throw .unsupported(file: file, feature: "a byte-level model that replaces spaces")
            }
            var result = ByteLevelVocabulary(
                file: file, pieces: vocabulary.pieces, kinds: vocabulary.kinds, merges: merges,
                special: special, preTokenizer: PreTokenizer(words.stages))
            result.ignoresMerges = model["ignore_merges"]?.boolValue ?? false
            result.addsPrefixSpace = byteLevel.addsPrefixSpace
            result.composes = normalizer.composes
            result.addedTokens = added
            return .byteLevel(result)
        }
        guard words.stages.isEmpty, words.byteLevel == nil else {
            throw .unsupported(file: file, feature: "pre_tokenizer of a model of characters")
        }
        return .sentencePiece(
            try reader.characters(vocabulary, merges, special, added, normalizer, words, model))
    }

    private func characters(
        _ vocabulary: Pieces, _ merges: [(left: String, right: String)], _ special: SpecialTokens,
        _ added: [AddedTokens.Token], _ normalizer: HuggingFacePipeline.Normalizer,
        _ words: HuggingFacePipeline.Words,
        _ model: JSONValue
    ) throws(TokenizerError) -> SentencePieceVocabulary {
        guard normalizer.replacesSpaces || words.spaces != nil else {
            throw .unsupported(file: file, feature: "a model of neither bytes nor U+2581")
        }
        guard !normalizer.composes, model["ignore_merges"]?.boolValue != true else {
            throw .unsupported(
                file: file, feature: "NFC or ignore_merges in a model of characters")
        }
        let hasByteFallback = model["byte_fallback"]?.boolValue ?? false
        var kinds = vocabulary.kinds
        if hasByteFallback {
            for (index, piece) in vocabulary.pieces.enumerated()
            where kinds[index] == .normal && SentencePieceVocabulary.byte(named: piece) != nil {
                kinds[index] = .byte
            }
        }
        var spaces = words.spaces ?? SpaceRule(prefix: normalizer.prefix)
        if words.dropsWhitespace {
            guard spaces.prefix == .always, spaces.splitsWords else {
                throw .unsupported(
                    file: file,
                    feature: "pre_tokenizer WhitespaceSplit without a space for each word")
            }
            spaces.dropsWhitespace = true
        }
        var result = SentencePieceVocabulary(
            file: file, pieces: vocabulary.pieces,
            order: model["type"] == "Unigram"
                ? .unigram(vocabulary.scores, roundsSums: false) : .merges(merges),
            kinds: kinds, special: special, spaces: spaces, hasByteFallback: hasByteFallback)
        result.normalization = TextNormalization(steps: normalizer.steps)
        result.addedTokens = added
        return result
    }

    private func wordPiece(
        _ vocabulary: Pieces, _ special: SpecialTokens, _ added: [AddedTokens.Token],
        _ model: JSONValue
    ) throws(TokenizerError) -> WordPieceVocabulary {
        try WordPieceFile.checkWords(of: json, file: file)
        var result = WordPieceVocabulary(
            file: file, pieces: vocabulary.pieces, kinds: vocabulary.kinds, special: special)
        result.marking = .continuing(model["continuing_subword_prefix"]?.stringValue ?? "##")
        result.normalizer = try WordPieceFile.normalizer(of: json, file: file)
        result.maxWordCharacterCount = max(
            1, model["max_input_chars_per_word"]?.intValue ?? 100)
        result.addedTokens = added
        return result
    }

    // MARK: Model

    private func model() throws(TokenizerError) -> JSONValue {
        guard let model = json["model"], model.objectValue != nil else {
            throw .malformed(file: file, field: "model", reason: "expected an object")
        }
        if let type = model["type"]?.stringValue, type != "BPE" {
            guard !["WordPiece", "Unigram"].contains(type) else { return model }
            throw .unsupported(
                file: file,
                feature: "model type \(quoted(type)), neither BPE nor Unigram nor WordPiece")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            guard let value = model[key], !value.isNull, value != "" else { continue }
            throw .unsupported(file: file, feature: "model.\(key)")
        }
        return model
    }

    /// The spelling and kind of every id; ids that the file leaves out are unused and empty.
    private struct Pieces {
        var pieces: [String] = []
        var kinds: [TokenKind] = []
        /// Of Unigram only.
        var scores: [Double] = []
    }

    private func scoredPieces(_ model: JSONValue) throws(TokenizerError) -> Pieces {
        guard let list = model["vocab"]?.arrayValue, list.count <= VocabularyLimits.tokenCount
        else {
            throw .malformed(
                file: file, field: "model.vocab",
                reason: "expected an array of at most \(VocabularyLimits.tokenCount)")
        }
        var result = Pieces()
        for (index, entry) in list.enumerated() {
            guard let pair = entry.arrayValue, pair.count == 2, let piece = pair[0].stringValue,
                let score = pair[1].doubleValue
            else {
                throw .malformed(
                    file: file, field: "model.vocab[\(index)]",
                    reason: "expected a piece and its score")
            }
            result.pieces.append(piece)
            result.kinds.append(.normal)
            result.scores.append(score)
        }
        if let unknown = model["unk_id"], !unknown.isNull {
            let id = try self.index(unknown, "model.unk_id")
            guard id < list.count else {
                throw .malformed(
                    file: file, field: "model.unk_id",
                    reason: "\(id), but there are \(list.count) pieces")
            }
            result.kinds[id] = .unknown
        }
        return result
    }

    private func pieces(_ model: JSONValue) throws(TokenizerError) -> Pieces {
        if model["type"] == "Unigram" { return try scoredPieces(model) }
        guard let table = model["vocab"]?.objectValue else {
            throw .malformed(file: file, field: "model.vocab", reason: "expected an object")
        }
        var result = Pieces()
        for (piece, value) in table {
            let field = "model.vocab[\(quoted(piece))]"
            let id = try index(value, field)
            try grow(&result, to: id, field)
            guard result.kinds[id] == .unused else {
                throw .malformed(file: file, field: field, reason: "id \(id) is taken already")
            }
            result.pieces[id] = piece
            result.kinds[id] = .normal
        }
        return result
    }

    private func index(_ value: JSONValue?, _ field: String) throws(TokenizerError) -> Int {
        guard let id = value?.intValue, (0..<VocabularyLimits.tokenCount).contains(id) else {
            throw .malformed(
                file: file, field: field,
                reason: "expected an id in 0..<\(VocabularyLimits.tokenCount)")
        }
        return id
    }

    private func grow(_ pieces: inout Pieces, to id: Int, _ field: String) throws(TokenizerError) {
        let missing = id + 1 - pieces.pieces.count
        if missing <= 0 { return }
        pieces.pieces.append(contentsOf: repeatElement("", count: missing))
        pieces.kinds.append(contentsOf: repeatElement(.unused, count: missing))
        pieces.scores.append(contentsOf: repeatElement(0, count: missing))
    }

    private func merges(
        _ model: JSONValue
    ) throws(TokenizerError) -> [(left: String, right: String)] {
        guard let list = model["merges"]?.arrayValue else {
            throw .malformed(file: file, field: "model.merges", reason: "expected an array")
        }
        var merges: [(left: String, right: String)] = []
        merges.reserveCapacity(list.count)
        for (index, value) in list.enumerated() {
            if let pair = value.arrayValue, pair.count == 2, let left = pair[0].stringValue,
                let right = pair[1].stringValue
            {
                merges.append((left, right))
            } else if let text = value.stringValue, let pair = splitMerge(text) {
                merges.append(pair)
            } else {
                throw .malformed(
                    file: file, field: "model.merges[\(index)]", reason: "expected two tokens")
            }
        }
        return merges
    }

    // MARK: Added and special tokens

    private func addedTokens(
        _ vocabulary: inout Pieces
    ) throws(TokenizerError) -> [AddedTokens.Token] {
        guard let value = json["added_tokens"], !value.isNull else { return [] }
        guard let list = value.arrayValue else {
            throw .malformed(file: file, field: "added_tokens", reason: "expected an array")
        }
        var tokens: [AddedTokens.Token] = []
        for (index, entry) in list.enumerated() {
            let field = "added_tokens[\(index)]"
            let id = try self.index(entry["id"], "\(field).id")
            guard let content = entry["content"]?.stringValue, !content.isEmpty else {
                throw .malformed(file: file, field: "\(field).content", reason: "expected text")
            }
            try grow(&vocabulary, to: id, field)
            guard vocabulary.pieces[id].isEmpty || vocabulary.pieces[id] == content else {
                throw .malformed(
                    file: file, field: field,
                    reason: "id \(id) is \(quoted(vocabulary.pieces[id])) already")
            }
            let isControl =
                (entry["special"]?.boolValue ?? false) || TurnMarkers.isControl(content)
            vocabulary.pieces[id] = content
            vocabulary.kinds[id] = isControl ? .control : .userDefined
            var token = AddedTokens.Token(
                id: Int32(id), spelling: content,
                isControl: isControl || TurnMarkers.looksLikeControl(content))
            token.stripsLeft = entry["lstrip"]?.boolValue ?? false
            token.stripsRight = entry["rstrip"]?.boolValue ?? false
            token.isSingleWord = entry["single_word"]?.boolValue ?? false
            tokens.append(token)
        }
        return tokens
    }

    private func special(
        _ added: [AddedTokens.Token], _ vocabulary: Pieces, _ model: JSONValue,
        _ settings: TokenizerSettings
    ) throws(TokenizerError) -> SpecialTokens {
        func id(_ name: String?) -> Int32? {
            name.flatMap { name in
                added.first { $0.spelling == name }?.id
                    ?? vocabulary.pieces.firstIndex(of: name).map(Int32.init)
            }
        }
        let template = try PostProcessor(json["post_processor"], file: file)
        var special = SpecialTokens(
            bos: id(settings.bos) ?? id(template.before), eos: id(settings.eos),
            unknown: id(model["unk_token"]?.stringValue)
                // Of the other kinds nobody has looked whether there is such a token.
                ?? (model["type"] == "Unigram"
                    ? model["unk_id"]?.intValue.map(Int32.init(truncatingIfNeeded:)) : nil))
        special.addsBOS = settings.addsBOS ?? (template.before != nil)
        special.addsEOS = settings.addsEOS ?? (template.after != nil)
        if special.eos == nil { special.eos = id(template.after) }
        special.stops.formUnion(
            settings.stops.filter { $0 >= 0 && Int($0) < vocabulary.pieces.count })
        special.stops.formUnion(
            TurnMarkers.ends(in: added.filter(\.isControl).map { ($0.id, $0.spelling) }))
        if let eos = special.eos { special.stops.insert(eos) }
        return special
    }
}

/// Splits a merge as text files write it, at the first space that is not its first character.
func splitMerge(_ text: String) -> (left: String, right: String)? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 3, let space = bytes[1...].firstIndex(of: UInt8(ascii: " ")),
        space + 1 < bytes.count
    else { return nil }
    return (
        String(decoding: bytes[..<space], as: UTF8.self),
        String(decoding: bytes[(space + 1)...], as: UTF8.self)
    )
}
