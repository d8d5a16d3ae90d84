// SPDX-License-Identifier: Apache-2.0

import JSON

/// What the files beside a vocabulary say about its special tokens.
struct TokenizerSettings: Equatable {
    /// Name of the token that begins a sequence.
    var bos: String?
    /// Name of the token that ends a sequence.
    var eos: String?
    /// Whether a plain text gets BOS; nil if the files do not say.
    var addsBOS: Bool?
    /// Whether a plain text gets EOS; nil if the files do not say.
    var addsEOS: Bool?
    /// Ids that end an answer.
    var stops: Set<Int32> = []

    /// Reads `tokenizer_config.json`.
    mutating func readTokenizerConfiguration(
        _ json: JSONValue, file: String
    ) throws(TokenizerError) {
        bos = try Self.name(json["bos_token"], "bos_token", file) ?? bos
        eos = try Self.name(json["eos_token"], "eos_token", file) ?? eos
        addsBOS = json["add_bos_token"]?.boolValue ?? addsBOS
        addsEOS = json["add_eos_token"]?.boolValue ?? addsEOS
    }

    /// Reads `eos_token_id` of `generation_config.json` or `config.json`: an id or several.
    mutating func readStops(_ json: JSONValue, file: String) throws(TokenizerError) {
        guard let value = json["eos_token_id"], !value.isNull else { return }
        for entry in value.arrayValue ?? [value] {
            guard let id = entry.intValue.flatMap(Int32.init(exactly:)), id >= 0 else {
                throw .malformed(
                    file: file, field: "eos_token_id", reason: "expected token ids")
            }
            stops.insert(id)
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

/// Names by which chat models mark the end of an answer, whatever their files say.
enum StopNames {
    static let all: Set<String> = [
        "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>",
        "<end_of_turn>", "<|end_of_turn|>", "<EOT>", "<|return|>", "<|call|>",
    ]

    /// The control tokens of such names.
    static func ids(in tokens: [AddedTokens.Token]) -> [Int32] {
        tokens.filter { $0.isControl && all.contains($0.spelling) }.map(\.id)
    }
}
