// SPDX-License-Identifier: Apache-2.0

extension EndpointContract {
    /// `POST /v1/tokenize`.
    static let tokenize = EndpointContract(
        "Turn a text or a conversation into ids of tokens.", takes: TokenFields.list,
        gives: .object {
            FieldDeclaration(
                "tokens", .either([AnswerMembers.ids, .array(of: pair)]),
                "The ids; with_pieces, each with its text."
            ).required
            FieldDeclaration("count", AnswerMembers.count, "How many there are.").required
            FieldDeclaration("max_model_len", AnswerMembers.count, "The model's context.").required
            FieldDeclaration("token_strs", .array(of: .string()), "The text of each.")
        })

    /// `POST /v1/detokenize`.
    static let detokenize = EndpointContract(
        "Turn ids of tokens into a text.", takes: TokenFields.detokenizing,
        gives: .object {
            FieldDeclaration("prompt", .string(), "The text.").required
            FieldDeclaration("content", .string(), "The same by llama-server's name.").required
        })

    /// A token with its text, or with its bytes where these are no text by themselves.
    private static let pair = FieldKind.object {
        FieldDeclaration("id", AnswerMembers.count, "The id.").required
        FieldDeclaration(
            "piece", .either([.string(), .array(of: .integer(in: 0...255))]), "The text."
        ).required
    }

    /// `POST /v1/apply-template`.
    static let applyTemplate = EndpointContract(
        "Turn a conversation into the text of its prompt.", takes: TokenFields.rendering,
        gives: .object {
            FieldDeclaration("prompt", .string(), "The text, without BOS.").required
        })

    /// `POST /v1/chat/completions/input_tokens`.
    static let countTokens = EndpointContract(
        "Count the tokens of a conversation.", takes: TokenFields.list,
        gives: .object {
            FieldDeclaration(
                "object", .choice(["chat.completion.input_tokens"]), "The kind of the answer."
            ).required
            FieldDeclaration("input_tokens", AnswerMembers.count, "How many there are.").required
        })

    /// `GET /tokenizer_info`.
    static let tokenizer = EndpointContract(
        "What a client needs that renders conversations itself.",
        gives: .object {
            FieldDeclaration("tokenizer_class", .string(), "The class in transformers.").required
            FieldDeclaration("chat_template", FieldKind.string().orNull, "The template.").required
            FieldDeclaration("bos_token", FieldKind.string().orNull, "BOS.").required
            FieldDeclaration("eos_token", FieldKind.string().orNull, "EOS.").required
            FieldDeclaration("pad_token", .null, "Always null.").required
            FieldDeclaration("add_bos_token", .boolean, "Whether texts begin with BOS.").required
            FieldDeclaration("add_eos_token", .boolean, "Whether texts end with EOS.").required
            FieldDeclaration("model_max_length", AnswerMembers.count, "The context.").required
            FieldDeclaration("clean_up_tokenization_spaces", .boolean, "Always false.").required
            FieldDeclaration("added_tokens_decoder", .map(of: .any), "The control tokens.")
                .required
        })
}
