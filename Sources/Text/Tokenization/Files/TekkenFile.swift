// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads Mistral's `tekken.json`.
struct TekkenFile {
    /// The control tokens of files up to v7 that do not list their own, by id; mistral-common has
    /// the same list.
    private static let firstControlTokens = [
        "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
        "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]",
        "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
        "[TOOL_CONTENT]",
    ]

    /// Reads a vocabulary.
    ///
    /// - Parameters:
    ///   - json: the file's content.
    ///   - file: its name, for messages.
    /// - Returns: the vocabulary, cut to the size that the file states.
    /// - Throws: `TokenizerError` for missing and wrong fields.
    static func vocabulary(
        of json: JSONValue, file: String
    ) throws(TokenizerError) -> RankedVocabulary {
        let reader = TekkenFile(file: file, json: json)
        let names = try reader.controlTokens()
        let ranked = try reader.rankedTokens(specialCount: names.count)
        func id(_ name: String) -> Int32? { names.firstIndex(of: name).map(Int32.init) }
        let special = SpecialTokens(
            bos: id("<s>"), eos: id("</s>"), unknown: id("<unk>"), addsBOS: true)
        var vocabulary = RankedVocabulary(
            file: file, specialNames: names, ranked: ranked, special: special,
            preTokenizer: try reader.preTokenizer())
        vocabulary.version = json["config"]?["version"]?.stringValue
        let settings = json["model_settings_builder"]
        vocabulary.reasoningEffort = settings?["reasoning_effort"]?["default"]?.stringValue
        return vocabulary
    }

    private let file: String
    private let json: JSONValue

    private init(file: String, json: JSONValue) {
        self.file = file
        self.json = json
    }

    private func configured(_ key: String, in range: Range<Int>) throws(TokenizerError) -> Int {
        guard let value = json["config"]?[key]?.intValue, range.contains(value) else {
            throw .malformed(
                file: file, field: "config.\(key)",
                reason: "expected an integer in \(range.lowerBound)..<\(range.upperBound)")
        }
        return value
    }

    private func preTokenizer() throws(TokenizerError) -> PreTokenizer {
        guard let expression = json["config"]?["pattern"]?.stringValue else {
            throw .malformed(file: file, field: "config.pattern", reason: "expected a string")
        }
        guard let pattern = WordPattern(expression: expression) else {
            throw .unsupported(file: file, feature: "pattern \(quoted(expression))")
        }
        return PreTokenizer([.words(pattern)])
    }

    private func controlTokens() throws(TokenizerError) -> [String] {
        let count = try configured("default_num_special_tokens", in: 0..<(1 << 16))
        var names = (0..<count).map { "<SPECIAL_\($0)>" }
        guard let listed = json["special_tokens"], !listed.isNull else {
            for (index, name) in Self.firstControlTokens.prefix(count).enumerated() {
                names[index] = name
            }
            return names
        }
        guard let list = listed.arrayValue, list.count <= count else {
            throw .malformed(
                file: file, field: "special_tokens", reason: "expected at most \(count) tokens")
        }
        var seen: Set<String> = []
        for (index, token) in list.enumerated() {
            guard let name = token["token_str"]?.stringValue, !name.isEmpty,
                token["rank"]?.intValue == index, seen.insert(name).inserted
            else {
                throw .malformed(
                    file: file, field: "special_tokens[\(index)]",
                    reason: "expected rank \(index) and a name of its own")
            }
            names[index] = name
        }
        return names
    }

    private func rankedTokens(specialCount: Int) throws(TokenizerError) -> ByteStrings {
        let size = try configured(
            "default_vocab_size", in: specialCount..<VocabularyLimits.tokenCount)
        guard let list = json["vocab"]?.arrayValue, list.count >= size - specialCount else {
            throw .malformed(
                file: file, field: "vocab",
                reason: "expected at least \(size - specialCount) tokens")
        }
        var ranked = ByteStrings()
        for (index, token) in list.prefix(size - specialCount).enumerated() {
            guard token["rank"]?.intValue == index else {
                throw .malformed(
                    file: file, field: "vocab[\(index)].rank", reason: "expected \(index)")
            }
            guard let bytes = token["token_bytes"]?.stringValue.flatMap(Base64.decode),
                !bytes.isEmpty
            else {
                throw .malformed(
                    file: file, field: "vocab[\(index)].token_bytes", reason: "expected base64")
            }
            ranked.append(bytes)
        }
        return ranked
    }
}
