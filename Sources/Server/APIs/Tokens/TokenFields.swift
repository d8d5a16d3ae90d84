// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of requests that tokenize, and of those that turn ids into text.
package enum TokenFields {
    static let model = Field.string(
        "model", maxBytes: 1024, "Whose tokens; the first model's where it is left out."
    ).example("default")
    static let prompt = Field.string("prompt", "The text.").example("Hello")
    static let content = Field.string("content", "The same by llama-server's name.")
    static let addsSpecialTokens = Field.boolean(
        "add_special_tokens", "Whether the text gets the vocabulary's BOS in front.")
    static let addsSpecial = Field.boolean(
        "add_special",
        "The same by llama-server's name, over which the other wins; false where there is content.")
    static let parsesSpecialTokens = Field.boolean(
        "parse_special", "Whether names of control tokens in a text are these tokens."
    ).example(false)
    static let returnsTokenStrings = Field.boolean(
        "return_token_strs", "Whether the text of each token is told.")
    static let withPieces = Field.boolean(
        "with_pieces", "Whether each token stands together with its text, as in llama-server."
    ).defaulting(to: false)

    static let addsGenerationPrompt = ChatFields.addsGenerationPrompt
    static let continuesFinalMessage = Field.boolean(
        "continue_final_message", "Whether the answer would continue the last message.")

    /// What vLLM takes of pictures and sounds.
    static let media: [FieldDeclaration] = ["media_io_kwargs", "mm_processor_kwargs"].map {
        .refused($0, reason: "this model takes text only")
    }

    /// Those of `POST /v1/tokenize`, and of counting: a text, or a conversation.
    package static let list = FieldList(oneOf: ["prompt", "content", "messages"]) {
        model
        addsSpecialTokens
        addsSpecial
        parsesSpecialTokens
        returnsTokenStrings
        withPieces
        prompt
        content
        media
        ([
            ChatFields.messages.declaration, addsGenerationPrompt.declaration,
            continuesFinalMessage.declaration,
        ] + ToolFields.list.declarations + ThinkingFields.rendering.declarations
            + TemplateArguments.list.declarations).map { declaration in
                var declaration = declaration
                declaration.isRequired = false
                declaration.companions["prompt"] = .null
                if declaration.name != "messages" {
                    declaration.companions["messages"] = [["role": "user", "content": "Hi"]]
                }
                return declaration
            }
    }

    /// Those of `POST /v1/apply-template`.
    static let rendering = FieldList {
        model
        ChatFields.messages
        media
        ([addsGenerationPrompt.declaration, continuesFinalMessage.declaration]
            + ToolFields.list.declarations + ThinkingFields.rendering.declarations
            + TemplateArguments.list.declarations)
    }

    /// Those of `POST /v1/detokenize`.
    static let detokenizing = FieldList {
        model
        tokens
        skipsSpecialTokens
    }
    static let tokens = FieldDeclaration(
        "tokens", .array(of: .integer(in: 0...GenerationOptions.maxTokenCount)), "The ids."
    ).example([1, 2]).required
    static let skipsSpecialTokens = Field.boolean(
        "skip_special_tokens", "Whether control tokens are left out, and not written by name."
    ).defaulting(to: false)
}
