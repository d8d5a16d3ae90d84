// SPDX-License-Identifier: Apache-2.0

package import JSON

/// Reads what is WordPiece's own: of `tokenizer.json`, and of `vocab.txt` with its
/// `tokenizer_config.json`.
package enum WordPieceFile {
    /// What `normalizer` of a tokenizer.json says; none: texts are only split into words.
    static func normalizer(
        of json: JSONValue, file: String
    ) throws(TokenizerError) -> BertNormalizer {
        var normalizer = BertNormalizer()
        guard let value = json["normalizer"], !value.isNull else {
            normalizer.cleans = false
            normalizer.separatesIdeographs = false
            normalizer.stripsAccents = false
            normalizer.lowercases = false
            return normalizer
        }
        guard value["type"] == "BertNormalizer" else {
            throw .unsupported(
                file: file,
                feature: "normalizer \(quoted(value.serialized())) of a WordPiece model")
        }
        normalizer.cleans = value["clean_text"]?.boolValue ?? true
        normalizer.separatesIdeographs = value["handle_chinese_chars"]?.boolValue ?? true
        normalizer.lowercases = value["lowercase"]?.boolValue ?? true
        normalizer.stripsAccents = value["strip_accents"]?.boolValue ?? normalizer.lowercases
        return normalizer
    }

    /// Throws for another way to split words than BERT's.
    static func checkWords(of json: JSONValue, file: String) throws(TokenizerError) {
        let value = json["pre_tokenizer"] ?? .null
        guard value["type"] == "BertPreTokenizer" else {
            throw .unsupported(
                file: file,
                feature: "pre_tokenizer \(quoted(value.serialized())) of a WordPiece model")
        }
    }

    /// The vocabulary of a `vocab.txt`: a piece in each line.
    ///
    /// - Parameters:
    ///   - bytes: its content.
    ///   - configuration: that of `tokenizer_config.json`; null if there is none.
    ///   - file: its name, for messages.
    /// - Returns: the vocabulary.
    /// - Throws: `TokenizerError`, which names the file.
    package static func vocabulary(
        ofLines bytes: [UInt8], configuration: JSONValue, file: String
    ) throws(TokenizerError) -> WordPieceVocabulary {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .malformed(file: file, field: "content", reason: "not valid UTF-8")
        }
        var pieces = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map {
            line in
            String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
        }
        if pieces.last == "" { pieces.removeLast() }
        guard (1...VocabularyLimits.tokenCount).contains(pieces.count) else {
            throw .malformed(
                file: file, field: "lines",
                reason: "\(pieces.count), not 1 to \(VocabularyLimits.tokenCount)")
        }
        func name(_ key: String, _ usual: String) -> String {
            configuration[key]?.stringValue ?? configuration[key]?["content"]?.stringValue ?? usual
        }
        var kinds = [TokenKind](repeating: .normal, count: pieces.count)
        var special = SpecialTokens()
        var added: [AddedTokens.Token] = []
        let names = [
            name("unk_token", "[UNK]"), name("cls_token", "[CLS]"), name("sep_token", "[SEP]"),
            name("pad_token", "[PAD]"), name("mask_token", "[MASK]"),
        ]
        let ids = names.map { name in pieces.firstIndex(of: name) }
        for (name, id) in zip(names, ids) {
            guard let id else { continue }
            kinds[id] = .control
            added.append(AddedTokens.Token(id: Int32(id), spelling: name, isControl: true))
        }
        special = SpecialTokens(
            bos: ids[1].map { Int32($0) }, eos: ids[2].map { Int32($0) },
            unknown: ids[0].map { Int32($0) }, addsBOS: ids[1] != nil, addsEOS: ids[2] != nil)
        var vocabulary = WordPieceVocabulary(
            file: file, pieces: pieces, kinds: kinds, special: special)
        vocabulary.addedTokens = added
        vocabulary.normalizer.lowercases = configuration["do_lower_case"]?.boolValue ?? true
        vocabulary.normalizer.stripsAccents =
            configuration["strip_accents"]?.boolValue ?? vocabulary.normalizer.lowercases
        vocabulary.normalizer.separatesIdeographs =
            configuration["tokenize_chinese_chars"]?.boolValue ?? true
        return vocabulary
    }
}
