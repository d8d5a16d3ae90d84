// SPDX-License-Identifier: Apache-2.0

extension EndpointContract {
    private static let card = FieldKind.object {
        FieldDeclaration("id", .string(), "The model's name.").required
        FieldDeclaration("object", .choice(["model"]), "The kind of the answer.").required
        FieldDeclaration("created", AnswerMembers.count, "Unix time in seconds.").required
        FieldDeclaration("owned_by", .string(), "Whose model it is.").required
        FieldDeclaration("type", .choice(["base", "fine-tuned"]), "What Mistral calls it.")
            .required
        FieldDeclaration("root", .string(), "The model, or that which it is an adapter of.")
            .required
        FieldDeclaration(
            "parent", FieldKind.string().orNull, "The model that this one is an adapter of."
        ).required
        FieldDeclaration("name", .string(), "The model's name.").required
        FieldDeclaration("description", .string(), "One line about the model.").required
        FieldDeclaration("aliases", .array(of: .string()), "Other names of it.").required
        FieldDeclaration("max_context_length", AnswerMembers.count, "The context.").required
        FieldDeclaration("max_model_len", AnswerMembers.count, "The same for vLLM's clients.")
            .required
        FieldDeclaration(
            "default_model_temperature", FieldKind.number.orNull, "Where a request says none."
        ).required
        FieldDeclaration("deprecation", .null, "Always null.").required
        FieldDeclaration("capabilities", .map(of: .boolean), "What it can do.").required
        FieldDeclaration("meta", .map(of: .any), "Size, quantisation and status.").required
        FieldDeclaration(
            "status", .map(of: .any), "Whether it is in memory, as llama-server says it."
        )
        .required
    }

    /// The card of Anthropic's dialect.
    private static let anthropicCard = FieldKind.object {
        FieldDeclaration("type", .choice(["model"]), "The kind of the answer.").required
        FieldDeclaration("id", .string(), "The model's name.").required
    }

    /// `GET /v1/models`.
    static let models = EndpointContract(
        "List the models.",
        gives: .either([
            .object {
                FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
                FieldDeclaration("data", .array(of: card), "A card for each model.").required
            },
            .object {
                FieldDeclaration("data", .array(of: anthropicCard), "A card for each model.")
                    .required
                FieldDeclaration("has_more", .boolean, "Always false.").required
                FieldDeclaration("first_id", FieldKind.string().orNull, "The first card's.")
                    .required
                FieldDeclaration("last_id", FieldKind.string().orNull, "The last card's.")
                    .required
            },
        ]))

    /// `GET /v1/models/{id}`.
    static let model = EndpointContract(
        "Describe a model.", gives: .either([card, anthropicCard]))

    /// What whoever has something brought to memory, or given up, is told.
    static let moved = FieldKind.object {
        FieldDeclaration("success", .boolean, "Always true.").required
    }

    /// `POST /v1/models/load`.
    static let loadModel = EndpointContract(
        "Have a model loaded, which goes on when the answer is there.", takes: ModelFields.list,
        gives: moved)

    /// `POST /v1/models/unload`.
    static let unloadModel = EndpointContract(
        "Have a model unloaded as soon as it has nothing to do.", takes: ModelFields.list,
        gives: moved)
}
