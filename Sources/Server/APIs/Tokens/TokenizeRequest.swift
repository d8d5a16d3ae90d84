// SPDX-License-Identifier: Apache-2.0

package import Conversation
package import JSON

/// The body of `POST /v1/tokenize`, and of counting the tokens of a chat.
package struct TokenizeRequest: Hashable, Sendable {
    /// What to tokenize.
    package enum Input: Hashable, Sendable {
        case text(String, addsSpecialTokens: Bool, parsesSpecialTokens: Bool)
        case chat(
            messages: [Message], tools: [JSONValue], addsGenerationPrompt: Bool,
            continuesFinalMessage: Bool, templateArguments: JSONObject)
    }

    /// Which model is asked; nil for the one being served.
    package var model: String?

    /// What to tokenize.
    package var input: Input

    /// Whether the answer spells out each token (vLLM).
    package var returnsTokenStrings: Bool

    /// Whether each token stands together with its text (llama-server).
    package var pairsPieces: Bool

    /// Reads and checks the body.
    ///
    /// The names of vLLM (`prompt`, `add_special_tokens`) and of llama.cpp (`content`,
    /// `add_special`, `parse_special`) are both read; as with them, a `prompt` gets BOS where
    /// nothing is said, and `content` does not. The names of control tokens in a text are these
    /// tokens, unless `parse_special` is false; in messages they never are.
    ///
    /// - Throws: `FieldError`, which names the field.
    package init(
        _ body: JSONObject, limits: RequestLimits = .init()
    ) throws(FieldError) {
        let fields = FieldReader(body, by: FieldRules(limits: limits))
        for field in TokenFields.media { try fields.refuse(field) }
        model = try fields.read(TokenFields.model)
        pairsPieces = try fields.read(TokenFields.withPieces)
        returnsTokenStrings = try fields.read(TokenFields.returnsTokenStrings) ?? false
        let prompt = try fields.read(TokenFields.prompt)
        let addsSpecial = try fields.read(TokenFields.addsSpecial) ?? (prompt != nil)
        let addsSpecialTokens = try fields.read(TokenFields.addsSpecialTokens) ?? addsSpecial
        let parsesSpecialTokens = try fields.read(TokenFields.parsesSpecialTokens)
        let content = try fields.read(TokenFields.content)
        if let text = prompt ?? content {
            guard fields.value("messages") == nil else {
                throw .invalid("messages", expected: "either prompt or messages")
            }
            input = .text(
                text, addsSpecialTokens: addsSpecialTokens,
                parsesSpecialTokens: parsesSpecialTokens ?? true)
        } else if fields.value("messages") != nil {
            if parsesSpecialTokens == true {
                throw .invalid(
                    "parse_special", expected: "false, for messages never name control tokens")
            }
            input = try Self.chat(fields, limits: limits)
        } else {
            throw .missing("prompt")
        }
    }

    /// Reads a conversation to which the template is applied, and nothing else.
    ///
    /// - Throws: `FieldError`, which names the field.
    package init(
        rendering body: JSONObject, limits: RequestLimits = .init()
    ) throws(FieldError) {
        let fields = FieldReader(body, by: FieldRules(limits: limits))
        for field in TokenFields.media { try fields.refuse(field) }
        model = try fields.read(TokenFields.model)
        pairsPieces = false
        returnsTokenStrings = false
        input = try Self.chat(fields, limits: limits)
    }

    private static func chat(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> Input {
        let messages = try ChatCompletionRequest.messages(fields, limits: limits)
        let continues =
            try fields.read(TokenFields.continuesFinalMessage) ?? (messages.last?.isPrefix ?? false)
        return .chat(
            messages: messages, tools: try ToolFields(fields, limits: limits).definitions,
            addsGenerationPrompt: try fields.read(TokenFields.addsGenerationPrompt)
                ?? !continues,
            continuesFinalMessage: continues, templateArguments: try TemplateArguments.read(fields))
    }
}

/// The body of `POST /v1/detokenize`.
package struct DetokenizeRequest: Hashable, Sendable {
    /// Which model is asked; nil for the one being served.
    package var model: String?

    /// The ids.
    package var tokens: [Int32]

    /// Whether control tokens are left out of the text, instead of being written by name.
    package var skipsSpecialTokens: Bool

    /// Reads and checks the body.
    ///
    /// - Throws: `FieldError`, which names the field.
    package init(_ body: JSONObject) throws(FieldError) {
        let fields = FieldReader(body)
        model = try fields.read(TokenFields.model)
        let value = try fields.require("tokens", fields.value("tokens"))
        guard case .array(let values) = value else {
            throw .wrongType("tokens", expected: "an array of token ids", found: value.kindName)
        }
        tokens = try TokenList.read(values, at: "tokens")
        skipsSpecialTokens = try fields.read(TokenFields.skipsSpecialTokens)
    }
}
