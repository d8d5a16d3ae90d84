// SPDX-License-Identifier: Apache-2.0

import JSON

/// What the files beside a vocabulary say about its special tokens.
struct TokenizerSettings: Equatable {
    /// Name of the token that begins a sequence.
    var bos: String?
    /// Name of the token that ends a sequence.
    var eos: String?
    /// The class that encodes with the vocabulary.
    var tokenizerClass: String?
    /// Whether a plain text gets BOS; nil if the files do not say.
    var addsBOS: Bool?
    /// Whether a plain text gets EOS; nil if the files do not say.
    var addsEOS: Bool?
    /// Ids that end an answer.
    var stops: Set<Int32> = []
    /// Tokens that fine-tuning added to the vocabulary, by id.
    var added: [Int32: AddedTokens.Token] = [:]
    /// Names of tokens that are special, whichever file has the token.
    var specialNames: Set<String> = []

    /// Reads `added_tokens.json`: ids by name.
    mutating func readAddedTokens(_ json: JSONValue, file: String) throws(TokenizerError) {
        guard let object = json.objectValue else {
            throw .malformed(file: file, field: "content", reason: "expected an object")
        }
        for (name, value) in object {
            try add(name, value.intValue, isSpecial: false, JSONValue.null, quoted(name), file)
        }
    }

    /// Reads `special_tokens_map.json`: tokens, or lists of them, by what they are for.
    mutating func readSpecialTokens(_ json: JSONValue, file: String) throws(TokenizerError) {
        guard let object = json.objectValue else {
            throw .malformed(file: file, field: "content", reason: "expected an object")
        }
        for (key, value) in object where key.hasSuffix("_token") || key.hasSuffix("_tokens") {
            for entry in value.arrayValue ?? [value] {
                if let name = try Self.name(entry, key, file) { specialNames.insert(name) }
            }
        }
        bos = try Self.name(json["bos_token"], "bos_token", file) ?? bos
        eos = try Self.name(json["eos_token"], "eos_token", file) ?? eos
    }

    /// Reads the added tokens in `tokenizer_config.json`.
    mutating func readAddedTokensDecoder(
        _ json: JSONValue, file: String
    ) throws(TokenizerError) {
        if let object = json["added_tokens_decoder"]?.objectValue {
            for (id, token) in object {
                let field = "added_tokens_decoder[\(quoted(id))]"
                try add(
                    token["content"]?.stringValue, Int(id),
                    isSpecial: token["special"]?.boolValue ?? false, token, field, file)
            }
        }
        for entry in json["additional_special_tokens"]?.arrayValue ?? [] {
            if let name = try Self.name(entry, "additional_special_tokens", file) {
                specialNames.insert(name)
            }
        }
    }

    /// Reads `tokenizer_config.json`, without its added tokens.
    mutating func readTokenizerConfiguration(
        _ json: JSONValue, file: String
    ) throws(TokenizerError) {
        bos = try Self.name(json["bos_token"], "bos_token", file) ?? bos
        eos = try Self.name(json["eos_token"], "eos_token", file) ?? eos
        tokenizerClass = json["tokenizer_class"]?.stringValue
        addsBOS = json["add_bos_token"]?.boolValue ?? addsBOS
        addsEOS = json["add_eos_token"]?.boolValue ?? addsEOS
    }

    private mutating func add(
        _ name: String?, _ id: Int?, isSpecial: Bool, _ token: JSONValue, _ field: String,
        _ file: String
    ) throws(TokenizerError) {
        guard let name, !name.isEmpty, let id, (0..<VocabularyLimits.tokenCount).contains(id)
        else {
            throw .malformed(
                file: file, field: field,
                reason: "expected a text and an id in 0..<\(VocabularyLimits.tokenCount)")
        }
        var added = AddedTokens.Token(id: Int32(id), spelling: name, isControl: isSpecial)
        added.stripsLeft = token["lstrip"]?.boolValue ?? false
        added.stripsRight = token["rstrip"]?.boolValue ?? false
        added.isSingleWord = token["single_word"]?.boolValue ?? false
        self.added[added.id] = added
    }

    /// Reads `eos_token_id` of `generation_config.json` or `config.json`: an id or several.
    mutating func readStops(_ json: JSONValue, file: String) throws(TokenizerError) {
        guard let value = json["eos_token_id"], !value.isNull else { return }
        for entry in value.arrayValue ?? [value] {
            guard let id = entry.intValue else {
                throw .malformed(
                    file: file, field: "eos_token_id", reason: "expected token ids")
            }
            // No vocabulary has the others: -1 says “none”, and merged models keep a parent's id.
            if let id = Int32(exactly: id), id >= 0 { stops.insert(id) }
        }
    }

    /// A token is given by its text, or by an object with its text as `content`.
    private static func name(
        _ value: JSONValue?, _ field: String, _ file: String
    ) throws(TokenizerError) -> String? {
        guard let value, !value.isNull else { return nil }
        guard let name = value.stringValue ?? value["content"]?.stringValue else {
            throw .malformed(file: file, field: field, reason: "expected a token's text")
        }
        return name
    }
}
