// SPDX-License-Identifier: Apache-2.0

package import JSON
package import Serving

/// The body of `POST /v1/embeddings`.
package struct EmbeddingRequest: Hashable, Sendable {
    /// Which model is asked; nil for the one being served.
    package var model: String?

    /// The texts, in order.
    package var inputs: [EmbeddingInput]

    /// Whether they came as a list.
    package var isList: Bool

    /// How the vectors are written.
    package var format: EmbeddingFormat

    /// What is done with texts that are too long.
    package var truncation: Truncation

    /// Lower ones come first.
    package var priority: Int

    /// What is computed of the texts is only found again with the same text here.
    package var cacheScope: String

    /// The most texts of a request.
    package static let maxInputCount = 2048

    /// Reads and checks the body.
    ///
    /// - Parameters:
    ///   - body: the body.
    ///   - allowsTokens: whether token ids may stand in place of texts.
    /// - Throws: `FieldError`, which names the field.
    package init(_ body: JSONObject, allowsTokens: Bool = false) throws(FieldError) {
        let fields = FieldReader(body)
        model = try fields.read(EmbeddingFields.model)
        (inputs, isList) = try Self.inputs(fields, allowsTokens: allowsTokens)
        format = try EmbeddingFormat(fields)
        truncation = try Truncation(fields)
        priority = try fields.read(EmbeddingFields.priority)
        cacheScope = try fields.read(GenerationFields.cacheSalt)
        // Who asks, in the client's own words, changes nothing here.
        _ = try fields.read(EmbeddingFields.user)
        _ = try fields.read(EmbeddingFields.metadata)
        try fields.refuse(EmbeddingFields.messages)
        for field in EmbeddingFields.others { try fields.refuse(field) }
    }

    private static func inputs(
        _ fields: FieldReader, allowsTokens: Bool
    ) throws(FieldError) -> (inputs: [EmbeddingInput], isList: Bool) {
        let path = fields.path.appending("input")
        switch try fields.require("input", fields.value("input")) {
        case .string(let text):
            try check(text, at: path)
            return ([.text(text)], false)
        case .array(let values):
            guard !values.isEmpty else {
                throw .invalid(path, expected: "at least one text")
            }
            // A list of numbers is one text of token ids.
            if case .integer = values[0] {
                return ([.tokens(try tokens(values, at: path, allowsTokens))], false)
            }
            var inputs: [EmbeddingInput] = []
            let elements = try FieldReader.elements(
                of: values, at: path, maxCount: maxInputCount)
            for (value, path) in elements {
                switch value {
                case .string(let text):
                    try check(text, at: path)
                    inputs.append(.text(text))
                case .array(let values):
                    inputs.append(.tokens(try tokens(values, at: path, allowsTokens)))
                default:
                    throw .wrongType(path, expected: "a string", found: value.kindName)
                }
            }
            return (inputs, true)
        case let value:
            throw .wrongType(
                path, expected: "a string or an array of strings", found: value.kindName)
        }
    }

    private static func check(_ text: String, at path: FieldPath) throws(FieldError) {
        if text.isEmpty {
            throw .invalid(path, expected: "a text that is not empty; leave empty ones out")
        }
    }

    private static func tokens(
        _ values: [JSONValue], at path: FieldPath, _ isAllowed: Bool
    ) throws(FieldError) -> [Int32] {
        guard isAllowed else {
            throw .unsupported(
                path,
                reason: "token ids are not read: clients make them with OpenAI's vocabularies "
                    + "(cl100k_base), and with this model's they would spell another text. Send "
                    + "strings (LangChain: check_embedding_ctx_length=False); for ids of this "
                    + "model's own vocabulary send the header x-allow-token-input: true")
        }
        guard !values.isEmpty else { throw .invalid(path, expected: "at least one token id") }
        return try TokenList.read(values, at: path)
    }
}

extension Truncation {
    /// Reads what vLLM and others call it: `truncate_prompt_tokens`, -1 for what the model takes,
    /// `truncation_side`, and `truncate` as Ollama and text-embeddings-inference have it.
    init(_ fields: FieldReader) throws(FieldError) {
        let count = try fields.read(EmbeddingFields.truncatePromptTokens)
        let side = try fields.read(EmbeddingFields.truncationSide)
        let flag = try fields.read(EmbeddingFields.truncate)
        let isWanted = flag ?? (count != nil)
        guard isWanted, count != 0 else {
            self = .never
            return
        }
        let limit = count == -1 ? nil : count
        self = side == "left" ? .beginning(tokenCount: limit) : .end(tokenCount: limit)
    }
}
