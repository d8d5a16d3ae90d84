// SPDX-License-Identifier: Apache-2.0

import Conversation
import JSON
import Serving
import Tokenization

/// What `POST /api/generate` is to continue, answer or fill.
struct OllamaInput: Sendable {
    private let prompt: String
    private let suffix: String
    private let system: String

    /// Whether the prompt is a whole one already.
    private let isRaw: Bool

    /// The tokens of the conversation so far.
    private let context: [Int32]

    /// Whether the client only wants its model to be loaded.
    var isEmpty: Bool { prompt.isEmpty && suffix.isEmpty && system.isEmpty }

    /// Whether an answer ends with the tokens of the conversation.
    var returnsContext: Bool { !isRaw && suffix.isEmpty }

    /// Reads and checks the members.
    ///
    /// - Throws: `FieldError`, which names the field.
    init(_ fields: FieldReader) throws(FieldError) {
        prompt = try fields.string("prompt") ?? ""
        suffix = try fields.string("suffix") ?? ""
        system = try fields.string("system") ?? ""
        isRaw = try fields.bool("raw") ?? false
        try fields.refuse("template", reason: "templates of clients are not accepted")
        for name in OllamaFields.pictureFields {
            try fields.refuse(name, reason: OllamaFields.textOnly)
        }
        let path = fields.path.appending("context")
        switch fields.value("context") {
        case nil: context = []
        case .array(let values)?: context = try TokenList.read(values, at: path)
        case let value?:
            throw .wrongType(path, expected: "an array of token ids", found: value.kindName)
        }
        for (name, isThere) in [
            ("context", !context.isEmpty), ("system", !system.isEmpty),
        ] where isThere && (isRaw || !suffix.isEmpty) {
            throw .unsupported(
                fields.path.appending(name),
                reason: "not together with \(isRaw ? "raw" : "suffix"), where the prompt is all "
                    + "there is")
        }
        if isRaw, !suffix.isEmpty {
            throw .unsupported(fields.path.appending("suffix"), reason: "not together with raw")
        }
    }

    /// What the model is asked.
    func prompt(
        _ request: OllamaRequest, _ model: ServedModel
    ) throws(ServingError) -> Question.Prompt {
        if isRaw { return .text(prompt) }
        if !suffix.isEmpty { return .gap(before: prompt, after: suffix) }
        let messages =
            (system.isEmpty ? [] : [Message(.system, system)]) + [Message(.user, prompt)]
        let chat = Question.Prompt.chat(
            ChatPrompt(messages: messages, templateArguments: request.templateArguments))
        guard !context.isEmpty else { return chat }
        var turn = try model.tokens(of: chat, limit: model.engine.contextLength)
        // The conversation has begun already.
        if let bos = model.tokenizer.bosTokenID, turn.first == bos { turn.removeFirst() }
        return .tokens(context + turn)
    }
}
